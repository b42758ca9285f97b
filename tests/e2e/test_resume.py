from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from .commands import Commands, Outcome, checkpoint

pytestmark = pytest.mark.slow

RESUMED_AFTER = 2  # epochs
SETTINGS = (
    "trainer.max_epochs=4",
    # Patience 0, so that the plateau schedule acts within 4 epochs.
    "model.lr=0.05",
    "callbacks.checkpoint.save_top_k=-1",
    "callbacks.checkpoint.filename='{epoch}'",
)
CASES = [f"{panel}-{rule}" for panel in ("ffn", "sparse", "moe") for rule in ("cosine", "plateau")]


@pytest.fixture(scope="module")
def both(shared: Commands) -> tuple[Outcome, Outcome]:
    """Six uninterrupted runs, and the same six resumed from the checkpoints of the second epoch."""
    grid = ("model=ffn,sparse,moe", "scheduler=cosine,plateau", *SETTINGS)
    plateau = "++scheduler.patience=0"
    whole = shared.sweep(*grid, name="whole")
    saved = rf"{whole.folder}/${{hydra:job.num}}/checkpoints/epoch\={RESUMED_AFTER - 1}.ckpt"
    return whole, shared.sweep(*grid, f"ckpt_path={saved}", name="resumed")


@pytest.mark.parametrize("case", range(6), ids=CASES)
def test_a_resumed_run_ends_as_if_it_had_never_stopped(
    both: tuple[Outcome, Outcome], case: int
) -> None:
    whole, resumed = both
    assert (whole.code, resumed.code) == (0, 0), resumed.err
    first, second = last(whole, case), last(resumed, case)
    same(first["state_dict"], second["state_dict"])
    same(first["optimizer_states"], second["optimizer_states"])
    same(first["lr_schedulers"], second["lr_schedulers"])
    assert first["epoch"] == second["epoch"] == 3


@pytest.mark.parametrize("case", range(6), ids=CASES)
def test_a_resumed_run_logs_the_epochs_that_were_left_and_the_same_test(
    both: tuple[Outcome, Outcome], case: int
) -> None:
    whole, resumed = both
    left = curve(whole, case).iloc[RESUMED_AFTER:].reset_index(drop=True)
    pd.testing.assert_frame_equal(left, curve(resumed, case), check_exact=True)
    assert whole.jobs[case].metrics["test"] == resumed.jobs[case].metrics["test"]


def test_the_plateau_schedule_acted_before_and_after_the_resumption(
    both: tuple[Outcome, Outcome],
) -> None:
    rates = [curve(both[0], case)["lr"].dropna() for case in (1, 3, 5)]
    assert any(r.iloc[0] > r.iloc[1] or r.iloc[1] > r.iloc[2] for r in rates)


def last(sweep: Outcome, case: int) -> dict[str, Any]:
    return checkpoint(sweep.folder / str(case) / "checkpoints" / "last.ckpt")


def curve(sweep: Outcome, case: int) -> pd.DataFrame:
    """The metrics of a run but for times."""
    table = pd.read_csv(Path(sweep.folder, str(case), "metrics.csv"))
    return table.drop(columns="time/train_s")


def same(first: Any, second: Any) -> None:
    """Equal containers with bit-equal tensors."""
    torch.testing.assert_close(flat(first), flat(second), rtol=0, atol=0, equal_nan=True)


def flat(node: Any, path: str = "") -> dict[str, Any]:
    """The leaves of nested containers, by their path."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, list | tuple):
        items = enumerate(node)
    else:
        return {path: node if isinstance(node, torch.Tensor) else torch.tensor(float(node or 0))}
    return {k: v for key, part in items for k, v in flat(part, f"{path}/{key}").items()}
