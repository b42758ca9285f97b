"""Hopeless runs end early, by thresholds at given epochs."""

from pathlib import Path
from typing import Any

import pytest

from triptych.errors import InvalidSetting
from triptych.training import BestCheckpoint, Threshold

from ...processes import together
from ..tiny import fit, pair, trainer

EPOCHS = 3
NEVER, ALWAYS = 0.0, 2.0  # reached by an accuracy


def ended(at: Any, mode: str = "max", epochs: int = EPOCHS) -> tuple[int, str]:
    """After how many epochs a training ends, and why."""
    callback = Threshold(at, "val/acc", mode)
    _, _, runner = fit(max_epochs=epochs, callbacks=[callback])
    return runner.current_epoch, callback.reason


def test_a_run_below_a_threshold_ends_after_that_epoch() -> None:
    epochs, reason = ended({1: NEVER, 2: ALWAYS})
    assert epochs == 2
    assert reason.startswith("val/acc 0.")
    assert reason.endswith(" after epoch 2 is below 2")


@pytest.mark.parametrize(("at", "mode"), [({1: NEVER, 2: NEVER}, "max"), ({1: ALWAYS}, "min")])
def test_a_run_that_reaches_its_thresholds_goes_on(at: dict[int, float], mode: str) -> None:
    assert ended(at, mode) == (EPOCHS, "")


def test_the_direction_is_that_of_the_metric() -> None:
    epochs, reason = ended({1: -1.0}, "min")
    assert epochs == 1
    assert reason.endswith("is above -1")


def test_a_run_at_its_last_epoch_does_not_end_early() -> None:
    assert ended({1: ALWAYS}, epochs=1) == (1, "")


def test_a_net_of_another_size_is_judged_when_it_has_that_of_the_end(tmp_path: Path) -> None:
    """Of 56 steps the 42nd prunes last, in epoch 6; before there is nothing that can be tested."""
    best = BestCheckpoint(str(tmp_path), "val/acc", "max")
    callback = Threshold({1: NEVER, 2: ALWAYS}, "val/acc", "max")
    module, data = pair("model=sparse", "model/rule=pruning", "model.rule.every=2")
    runner = trainer([callback, best], max_epochs=8, enable_checkpointing=True)
    runner.fit(module, data)
    assert runner.current_epoch == 6
    assert Path(best.best_model_path).is_file()


def test_a_run_that_was_ended_stays_so_when_it_is_resumed(tmp_path: Path) -> None:
    callback = Threshold({2: ALWAYS}, "val/acc", "max")
    _, _, runner = fit(max_epochs=EPOCHS, callbacks=[callback])
    runner.save_checkpoint(tmp_path / "last.ckpt")
    again = Threshold({2: NEVER}, "val/acc", "max")
    module, data = pair()
    runner = trainer([again], max_epochs=EPOCHS)
    runner.fit(module, data, ckpt_path=tmp_path / "last.ckpt")
    assert (runner.current_epoch, again.reason) == (2, callback.reason)


def test_a_threshold_is_applied_once_also_over_a_resume() -> None:
    callback, again = (Threshold({2: 0.5}, "val/acc", "max") for _ in range(2))
    assert [callback.judge(score, e) for e, score in ((1, 0.0), (2, 0.5), (3, 0.1))] == [""] * 3
    again.load_state_dict(callback.state_dict())
    assert again.judge(0.1, 4) == ""
    assert Threshold({2: 0.5}, "val/acc", "max").judge(0.1, 4) != ""


def differing(rank: int, world: int) -> tuple[int, str]:
    """Two epochs in which one process alone has a threshold that ends its training."""
    callback = Threshold({1: ALWAYS if rank else NEVER}, "val/acc", "max")
    module, data = pair()
    runner = trainer([callback], max_epochs=EPOCHS, devices=world, strategy="ddp")
    runner.fit(module, data)
    return runner.current_epoch, callback.reason


@pytest.mark.slow
def test_processes_end_together(tmp_path: Path) -> None:
    (first, why), (second, reason) = together(differing, 2, tmp_path)
    assert first == second == 1
    assert why == "another process decided so after epoch 1"
    assert reason.endswith("is below 2")


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (None, "callbacks.threshold.at is missing: say least values by epoch, as in "),
        ({}, "callbacks.threshold.at={}: say least values by epoch, as in "),
        ([5, 0.5], "callbacks.threshold.at=[5, 0.5]: say least values by epoch, as in "),
        ({0: 0.5}, "callbacks.threshold.at: epoch 0 must be a whole number of at least 1"),
        ({1.5: 0.5}, "callbacks.threshold.at: epoch 1.5 must be a whole number"),
        ({True: 0.5}, "callbacks.threshold.at: epoch True must be a whole number"),
        ({5: "x"}, "callbacks.threshold.at: the threshold x after epoch 5 must be a number"),
        ({5: None}, "the threshold None after epoch 5 must be a number"),
        ({5: True}, "the threshold True after epoch 5 must be a number"),
        ({5: float("nan")}, "the threshold nan after epoch 5 must be a number"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(at: Any, message: str) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        Threshold(at, "val/acc", "max")
    assert message in str(refusal.value)


def test_a_metric_that_is_not_logged_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InvalidSetting, match="monitor=val/ac is not logged; did you mean 'val/acc"):
        fit(callbacks=[Threshold({1: NEVER}, "val/ac", "max")])


def test_a_direction_is_max_or_min() -> None:
    with pytest.raises(InvalidSetting, match="mode=most of callbacks must be max or min"):
        Threshold({1: NEVER}, "val/acc", "most")
