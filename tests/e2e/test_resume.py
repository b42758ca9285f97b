from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from triptych.evaluations import read

from ..alike import same
from .commands import Commands, Outcome, checkpoint

pytestmark = pytest.mark.slow

RESUMED_AFTER = 2  # epochs
SETTINGS = (
    "trainer.max_epochs=4",
    "+callbacks.last.save_top_k=-1",
    "callbacks.last.filename='{epoch}'",
)
# No patience and a threshold that no epoch reaches: the rate falls after every epoch but one.
PLATEAU = ("model=ffn,sparse,moe", "scheduler=plateau", "scheduler.patience=0")
# Masks are chosen from samples, and move before and after the resumption.
RIGL = (
    "model=sparse",
    "model/mask=snip",
    "model/rule=rigl",
    "model/kernel=csr",
    "model.rule.every=3",
)
# The controller draws noise in each step.
COSINE = ("model=moe,controller",)
GRIDS = {"plateau": (*PLATEAU, "+scheduler.threshold=0.9"), "cosine": COSINE, "rigl": RIGL}
PANELS = ("ffn", "sparse", "moe")
CASES = [*(("plateau", job) for job in range(3)), ("cosine", 0), ("cosine", 1), ("rigl", 0)]
NAMES = [*(f"{p}-plateau" for p in PANELS), "moe-cosine", "controller-cosine", "sparse-rigl"]

Pairs = dict[str, tuple[Outcome, Outcome]]
each_case = pytest.mark.parametrize(("rule", "job"), CASES, ids=NAMES)


@pytest.fixture(scope="module")
def pairs(shared: Commands) -> Pairs:
    """Uninterrupted runs, and the same resumed from the checkpoints of the second epoch."""
    return {rule: whole_and_resumed(shared, rule, grid) for rule, grid in GRIDS.items()}


def whole_and_resumed(
    shared: Commands, rule: str, grid: tuple[str, ...]
) -> tuple[Outcome, Outcome]:
    whole = shared.sweep(*grid, *SETTINGS, name=f"{rule}-whole")
    saved = rf"{whole.folder}/${{hydra:job.num}}/checkpoints/epoch\={RESUMED_AFTER - 1}.ckpt"
    return whole, shared.sweep(*grid, *SETTINGS, f"ckpt_path={saved}", name=f"{rule}-resumed")


@each_case
def test_a_resumed_run_ends_as_if_it_had_never_stopped(pairs: Pairs, rule: str, job: int) -> None:
    whole, resumed = pairs[rule]
    assert (whole.code, resumed.code) == (0, 0), resumed.err
    first, second = last(whole, job), last(resumed, job)
    for part in ("state_dict", "optimizer_states", "lr_schedulers"):
        same(first[part], second[part])
    assert first["epoch"] == second["epoch"] == 3


@each_case
def test_a_resumed_run_has_the_whole_curve_and_the_same_test(
    pairs: Pairs, rule: str, job: int
) -> None:
    whole, resumed = pairs[rule]
    pd.testing.assert_frame_equal(curve(whole, job), curve(resumed, job), check_exact=True)
    assert whole.jobs[job].metrics["test"] == resumed.jobs[job].metrics["test"]


@each_case
def test_a_resumed_run_has_the_tables_of_the_whole(pairs: Pairs, rule: str, job: int) -> None:
    whole, resumed = (routing(run, job) for run in pairs[rule])
    assert whole == resumed
    assert whole[-1][0] == "test"


@each_case
def test_the_schedule_acted_before_and_after_the_resumption(
    pairs: Pairs, rule: str, job: int
) -> None:
    rates = curve(pairs[rule][0], job)["lr"].dropna()
    assert rates.is_monotonic_decreasing
    assert rates.nunique() >= 3


def last(sweep: Outcome, job: int) -> dict[str, Any]:
    return checkpoint(sweep.folder / str(job) / "checkpoints" / "epoch=3.ckpt")


def curve(sweep: Outcome, job: int) -> pd.DataFrame:
    """The metrics of a run but for times, and for the churn of routes: just after a resume there
    is none."""
    table = pd.read_csv(Path(sweep.folder, str(job), "metrics.csv"))
    return table.drop(columns=[*table.filter(like="time/"), *table.filter(regex="moe/.*/churn")])


def routing(sweep: Outcome, job: int) -> list[tuple[str, int, Any]]:
    """Of each evaluation. Other tables have measured times in them."""
    found = read(sweep.folder / str(job))
    return [(one.split, one.step, one.tables.get("routing")) for one in found]
