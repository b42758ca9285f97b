from itertools import count
from types import SimpleNamespace

import pytest

from triptych.training import Meter
from triptych.training.callbacks import meter as module_of_meter

from ..tiny import SAMPLES, Diary, fit


@pytest.mark.parametrize("panel", ["ffn", "sparse", "notebook_moe"])
def test_training_costs_three_forward_passes_per_sample_that_was_seen(panel: str) -> None:
    meter, diary = Meter(), Diary()
    module, _, _ = fit(f"model={panel}", max_epochs=3, callbacks=[meter, diary])
    last = diary.logged[-1]
    assert meter.samples == 3 * SAMPLES
    assert last["compute/train_flops"] == pytest.approx(3 * module.cost().flops * 3 * SAMPLES)
    assert last["params/active"] == pytest.approx(module.cost().params_active)
    first = diary.logged[0]["compute/train_flops"]
    assert first == pytest.approx(last["compute/train_flops"] / 3, rel=0.05)


def test_the_learning_rate_is_the_one_that_the_epoch_used() -> None:
    diary = Diary()
    fit("trainer.max_epochs=3", max_epochs=3, callbacks=[Meter(), diary])
    assert [epoch["lr"] for epoch in diary.logged] == pytest.approx(diary.rates)


def test_evaluation_is_left_out_of_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is one second later at each look: start, validation, after it, end."""
    ticks = count()
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr(module_of_meter, "time", clock)
    meter, diary = Meter(), Diary()
    fit(max_epochs=2, callbacks=[meter, diary])
    # 0 to 1 and 2 to 3, then 4 to 5 and 6 to 7.
    assert [epoch["time/train_s"] for epoch in diary.logged] == [2.0, 4.0]
    assert meter.seconds == 4.0


def test_its_sums_go_on_from_a_checkpoint() -> None:
    meter, other = Meter(), Meter()
    fit(callbacks=[meter])
    other.load_state_dict(meter.state_dict())
    assert (other.seconds, other.samples) == (meter.seconds, SAMPLES)
    assert other.seconds > 0
