"""Replicas that end before others, by a rule or by an error, leave these as they are alone."""

from pathlib import Path

import pytest

from .side_by_side import EPOCHS, Run, alone, equal, together

FFN = ("model=ffn",)
RIGL = ("model=sparse", "model.d_hidden=16", "model/rule=rigl", "model.rule.every=5")
MOE = ("model=moe", "model.num_experts=4")
FAST = "model.lr=0.02"


def test_a_replica_that_stops_early_leaves_the_others_to_go_on(tmp_path: Path) -> None:
    """By its own patience, at its own epoch."""
    runs = [
        Run((*MOE, "seed=0", "model.lr=1e-5"), patience=1),
        Run((*MOE, "seed=1", FAST), patience=6),
        Run((*MOE, "seed=2", FAST)),
    ]
    found = together(runs, tmp_path)
    expected = [alone(run, tmp_path / str(r)) for r, run in enumerate(runs)]
    for outcome, own in zip(found, expected, strict=True):
        equal(outcome, own)
    assert [len(own.reasons) for own in expected] == [1, 0, 0]
    assert len(found[0].rows) < len(found[1].rows)


def test_the_program_ends_when_the_last_replica_does(tmp_path: Path) -> None:
    runs = [Run((*FFN, f"seed={r}", "model.lr=1e-6"), patience=1 + r) for r in range(2)]
    found = together(runs, tmp_path)
    expected = [alone(run, tmp_path / str(r)) for r, run in enumerate(runs)]
    for outcome, own in zip(found, expected, strict=True):
        equal(outcome, own)
    assert all(own.reasons for own in expected)
    assert max(row["epoch"] for _, row in found[1].rows) < EPOCHS - 1


@pytest.mark.parametrize(
    ("panel", "scheduler"),
    [(FFN, "plateau"), (RIGL, "cosine"), (MOE, "plateau")],
    ids=["ffn", "rigl", "moe"],
)
def test_a_replica_that_diverges_fails_alone(
    panel: tuple[str, ...], scheduler: str, tmp_path: Path
) -> None:
    """In its first epoch, before anything of it was validated."""
    common = (*panel, f"scheduler={scheduler}", "optimizer=sgd")
    rates = ("model.lr=0.1", "model.lr=1e200", "model.lr=0.05")
    runs = [Run((*common, f"seed={r}", rate), epochs=3) for r, rate in enumerate(rates)]
    found = together(runs, tmp_path)
    expected = [alone(run, tmp_path / str(r)) for r, run in enumerate(runs)]
    assert [bool(own.failure) for own in expected] == [False, True, False]
    for outcome, own in zip(found, expected, strict=True):
        equal(outcome, own)
    assert not found[1].best


def test_a_replica_that_diverges_later_keeps_what_it_had(tmp_path: Path) -> None:
    """Where it goes is chance by then: numbers of 80 digits."""
    common = (*FFN, "optimizer=sgd", "scheduler=constant", "model.dropout=0.0")
    runs = [
        Run((*common, "seed=0", "model.lr=0.1"), epochs=4),
        Run((*common, "seed=1", "model.lr=1e6"), epochs=4, clip=None),
    ]
    found = together(runs, tmp_path)
    equal(found[0], alone(runs[0], tmp_path / "0"))
    assert "is not a finite number" in found[1].failure
    assert found[1].best["epoch"] == 0
