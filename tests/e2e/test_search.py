"""A search for settings, by Optuna."""

import pytest
import yaml

from .commands import Commands, Outcome, survivors

pytestmark = pytest.mark.slow

TRIALS = 3


@pytest.fixture(scope="module")
def searched(shared: Commands) -> tuple[Outcome, Outcome]:
    """Trials of a study that is kept in a file, and as many again."""
    typed = (
        "model=moe",
        "model.lr=tag(log,interval(1e-4,1e-2))",
        "model.top_k=1,2",
        "trainer.devices=1,2",
        "hydra/sweeper=optuna",
        f"hydra.sweeper.n_trials={TRIALS}",
        "hydra.sweeper.n_jobs=1",
        f"hydra.sweeper.storage=sqlite:///{shared.place}/study.db",
        "hydra.sweeper.study_name=study",
        "hydra.sweeper.direction=[maximize,minimize]",
        "sweep.objectives=[val/acc,flops]",
    )
    # With the same seed the sampler would draw the same settings again.
    first, second = (
        shared.sweep(*typed, f"hydra.sweeper.sampler.seed={seed}", name=str(seed))
        for seed in (1, 2)
    )
    return first, second


def test_every_trial_is_a_job_of_the_sweep(searched: tuple[Outcome, Outcome]) -> None:
    for outcome in searched:
        assert outcome.code == 0, outcome.err
        assert outcome.out.splitlines()[-1] == f"{TRIALS} done"
        assert f"run {TRIALS} of {TRIALS}: moe, seed 0" in outcome.err


def test_trials_may_have_several_devices(searched: tuple[Outcome, Outcome]) -> None:
    jobs = [job for outcome in searched for job in outcome.jobs]
    assert {job.device["processes"] for job in jobs} == {1, 2}
    assert all(not survivors(outcome.mark) for outcome in searched)


def test_the_study_goes_on_and_knows_accuracy_and_cost_of_all_trials(
    searched: tuple[Outcome, Outcome],
) -> None:
    jobs = [job for outcome in searched for job in outcome.jobs]
    assert len({str(job.overrides) for job in jobs}) == 2 * TRIALS, "it tries what it has tried"
    points = [(job.metrics["best"]["val/acc"], job.cost["flops"]) for job in jobs]
    found = yaml.safe_load((searched[1].folder / "optimization_results.yaml").read_text())
    fronts = {tuple(solution["values"]) for solution in found["solutions"]}
    assert fronts == {p for p in points if not any(dominates(other, p) for other in points)}


def dominates(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] <= other[1]
