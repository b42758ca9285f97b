"""Early stopping."""

from typing import Any

import pytest

from triptych.errors import InvalidSetting
from triptych.training import Patience

from ..tiny import Fixed, around, pair, trainer


def judged(patience: Patience, *scores: float) -> list[bool]:
    return [bool(patience.judge(score, e)) for e, score in enumerate(scores, start=1)]


def test_a_net_that_does_not_get_better_ends_when_patience_does() -> None:
    """Its first epoch is the best, and it waits for two more."""
    like, data = pair()
    callback = Patience(2, 0.0, "val/acc", "max")
    runner = trainer([callback], max_epochs=9)
    runner.fit(around(Fixed(), like), data)
    assert runner.current_epoch == 3
    assert callback.reason == "val/acc after epoch 3 is no better than 2 epochs before"


def test_each_better_value_begins_anew() -> None:
    waiting = Patience(2, 0.0, "val/acc", "max")
    assert judged(waiting, 0.1, 0.1, 0.2, 0.1, 0.2) == [False, False, False, False, True]


def test_better_by_too_little_is_not_better() -> None:
    assert judged(Patience(1, 0.1, "val/acc", "max"), 0.1, 0.19) == [False, True]
    assert judged(Patience(1, 0.1, "val/acc", "max"), 0.1, 0.21) == [False, False]


def test_less_is_better_where_the_mode_says_so() -> None:
    assert judged(Patience(1, 0.0, "val/loss", "min"), 2.0, 1.0, 1.5) == [False, False, True]


def test_it_goes_on_counting_after_a_resume() -> None:
    first, second = (Patience(2, 0.0, "val/acc", "max") for _ in range(2))
    judged(first, 0.5, 0.4)
    second.load_state_dict(first.state_dict())
    assert judged(second, 0.45) == [True]


@pytest.mark.parametrize(
    ("patience", "min_delta", "message"),
    [
        (0, 0.0, "patience=0 must be a whole number of at least 1"),
        (2.5, 0.0, "patience=2.5 must be a whole number of at least 1"),
        (2, -0.1, "min_delta=-0.1 must be a number of at least 0"),
        (2, "x", "min_delta=x must be a number of at least 0"),
    ],
)
def test_numbers_out_of_range_are_refused(patience: Any, min_delta: Any, message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        Patience(patience, min_delta, "val/acc", "max")
