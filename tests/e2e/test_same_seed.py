import pytest
import torch

from .commands import Commands, Outcome, checkpoint

pytestmark = pytest.mark.slow

PANELS = ("ffn", "sparse", "moe")


@pytest.fixture(scope="module")
def sweep(shared: Commands) -> Outcome:
    return shared.sweep("model=ffn,sparse,moe", "seed=0,0,1")


@pytest.fixture(scope="module")
def alone(shared: Commands) -> Outcome:
    return shared.cold.train("model=moe", name="alone")  # strings hash otherwise there


def weights(outcome: Outcome, job: str) -> dict[str, torch.Tensor]:
    return checkpoint(outcome.folder / job / "checkpoints" / "last.ckpt")["state_dict"]


def untimed(metrics: dict[str, float]) -> dict[str, float]:
    return {k: v for k, v in metrics.items() if not k.startswith("time/")}


@pytest.mark.parametrize("panel", PANELS)
def test_the_same_seed_gives_the_same_bits(sweep: Outcome, panel: str) -> None:
    assert sweep.code == 0, sweep.err
    job = 3 * PANELS.index(panel)
    first, second = weights(sweep, str(job)), weights(sweep, str(job + 1))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[k], second[k]) for k in first)
    one, two = sweep.jobs[job : job + 2]
    for part in ("best", "final", "test"):
        assert untimed(one.metrics[part]) == untimed(two.metrics[part])
    assert one.config_hash == two.config_hash


@pytest.mark.parametrize("panel", PANELS)
def test_another_seed_gives_other_weights_and_metrics(sweep: Outcome, panel: str) -> None:
    job = 3 * PANELS.index(panel)
    first, other = weights(sweep, str(job)), weights(sweep, str(job + 2))
    assert not torch.equal(first["network.stem.weight"], other["network.stem.weight"])
    one, two = sweep.jobs[job], sweep.jobs[job + 2]
    assert one.metrics["test"]["test/loss"] != two.metrics["test"]["test/loss"]
    assert one.config_hash != two.config_hash


def test_a_run_alone_equals_the_same_run_late_in_a_sweep(sweep: Outcome, alone: Outcome) -> None:
    first, second = weights(alone, "."), weights(sweep, "6")
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert alone.result.metrics["test"] == sweep.jobs[6].metrics["test"]
