from pathlib import Path

import pandas as pd
import pytest
import torch

from triptych.result import Result

from .commands import Commands, Outcome, checkpoint, survivors

pytestmark = pytest.mark.slow

# Nothing but the order of sums may differ. Balance outweighs the task, so that a loss of each
# process's own tokens would show; routers balance themselves too.
EXACT = (
    *("trainer.devices=1,2", "model.dropout=0", "trainer.precision=64-true"),
    *("data.batch_size=64", "trainer.max_epochs=13"),
)
STEPS = 50  # at least
HEAVY = ("model.balance_coef=10", "model.z_coef=0.1", "trainer.accumulate_grad_batches=2")
GRIDS = {
    "plain": ("model=ffn", "trainer=ddp"),
    "moving": ("model=sparse", "model/mask=snip", "model/rule=rigl", "model.rule.every=2"),
    "routed": ("model=moe", "model/router=bias_topk", *HEAVY),
}
NOT_COMPARED = ("time/",)


@pytest.fixture(scope="module")
def two_processes(shared: Commands) -> Outcome:
    """As typed, with both loggers, before any other command in this place."""
    return shared.cold.train(
        "model=moe", "trainer.devices=2", "logger=many", "logger.wandb.mode=offline"
    )


@pytest.fixture(scope="module")
def exact(shared: Commands) -> list[Result]:
    sweeps = [shared.sweep(*grid, *EXACT, name=name) for name, grid in GRIDS.items()]
    assert not any(sweep.code for sweep in sweeps), [sweep.err for sweep in sweeps]
    return [job for sweep in sweeps for job in sweep.jobs]


def test_two_processes_write_one_folder_and_end(two_processes: Outcome, shared: Commands) -> None:
    assert two_processes.code == 0, two_processes.err
    assert two_processes.result.status == "finished"
    assert two_processes.result.device["processes"] == 2
    assert two_processes.out.count("test accuracy") == 1
    assert two_processes.err.count("epoch 2 of 2") == 1
    assert {p.name for p in shared.place.iterdir() if p.is_dir()} - {"wandb-home"} == {
        "run",
        "logs",
    }
    assert len(list(shared.place.rglob("result.json"))) == 1
    assert not survivors(two_processes.mark)


def test_two_processes_take_as_many_steps_as_one(two_processes: Outcome) -> None:
    assert (two_processes.result.epochs, two_processes.result.steps) == (2, 8)
    table = pd.read_csv(two_processes.folder / "metrics.csv")
    assert table["step"].tolist() == [3, 7, 8]
    assert sum(map(sum, two_processes.result.tables["confusion"])) == 128  # n_test


def test_two_processes_are_one_run_for_wandb(two_processes: Outcome, shared: Commands) -> None:
    assert len(list(shared.place.glob("logs/wandb/offline-run-*"))) == 1
    assert two_processes.err.count("wandb: offline") == 1


def test_one_process_repeats_the_test_of_two(two_processes: Outcome, shared: Commands) -> None:
    logged = two_processes.result.metrics["test"]
    again = shared.evaluate(two_processes.folder / "checkpoints" / "best.ckpt")
    assert again.keys() == logged.keys()
    counted = [k for k in logged if "acc" in k or "f1" in k or k.endswith("dead_experts")]
    assert {k: again[k] for k in counted} == {k: logged[k] for k in counted}
    assert again == pytest.approx(logged, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("panel", ["ffn", "sparse", "moe"])
def test_one_and_two_processes_agree(exact: list[Result], panel: str) -> None:
    one, two = (result for result in exact if result.panel == panel)
    assert (one.device["processes"], two.device["processes"]) == (1, 2)
    assert one.steps == two.steps >= STEPS
    assert routes(one) == routes(two)
    first, second = last_weights(one), last_weights(two)
    assert first.keys() == second.keys()
    for name, weights in first.items():
        torch.testing.assert_close(weights, second[name], rtol=0, atol=1e-8, msg=name)
    for part in ("final", "best", "test"):
        measured = comparable(two.metrics[part])
        assert measured == pytest.approx(comparable(one.metrics[part]), rel=1e-6, abs=1e-6)
    assert one.tables["confusion"] == two.tables["confusion"]


def routes(result: Result) -> str:
    """How many samples went where, and how many routes had changed, in each epoch and the test."""
    table = pd.read_csv(Path(result.checkpoint).parents[1] / "metrics.csv")
    kept = [c for c in table if "/load" in c or "churn" in c or "dead" in c or "drop" in c]
    counts = [[t["load"], t["topk_by_family"]] for t in result.tables.get("routing", [])]
    return table[kept].to_csv() + str(counts)


def comparable(metrics: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if not key.startswith(NOT_COMPARED)}


def last_weights(result: Result) -> dict[str, torch.Tensor]:
    content = checkpoint(Path(result.checkpoint).with_name("last.ckpt"))
    return {k: v for k, v in content["state_dict"].items() if k.startswith("network.")}
