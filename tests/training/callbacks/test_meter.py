import math
from itertools import count
from types import SimpleNamespace

import pytest

from triptych.cost import Flops
from triptych.training import Meter
from triptych.training.callbacks import meter as module_of_meter

from ..tiny import SAMPLES, Diary, fit


@pytest.mark.parametrize("panel", ["ffn", "sparse", "moe", "notebook_moe"])
def test_training_costs_three_forward_passes_per_sample_that_was_seen(panel: str) -> None:
    """Of a mixture whose experts differ, by the load that was measured in each epoch."""
    meter, diary = Meter(), Diary()
    module, _, _ = fit(f"model={panel}", max_epochs=3, callbacks=[meter, diary])
    last = diary.logged[-1]
    assert meter.samples == 3 * SAMPLES
    forward = [epoch["compute/flops_per_sample"] for epoch in diary.logged]
    for epoch in range(3):
        spent = 3 * sum(forward[: epoch + 1]) * SAMPLES
        assert diary.logged[epoch]["compute/train_flops"] == pytest.approx(spent, rel=1e-12)
    if panel != "notebook_moe":
        assert len(set(forward)) == 1
    assert last["params/active"] == pytest.approx(module.cost().params_active)
    executed = 3 * module.cost().flops_executed * 3 * SAMPLES
    assert last["compute/train_flops_executed"] == pytest.approx(executed, rel=0.05)


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
    # 2 seconds in the 7 steps of each epoch.
    assert [epoch["time/step_ms"] for epoch in diary.logged] == pytest.approx([2000 / 7] * 2)


def test_steps_are_those_of_the_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr(module_of_meter, "time", clock)
    diary = Diary()
    fit(callbacks=[Meter(), diary], accumulate_grad_batches=2)
    assert diary.logged[-1]["time/step_ms"] == 2000 / 4


def test_its_sums_go_on_from_a_checkpoint() -> None:
    meter, other = Meter(), Meter()
    fit(callbacks=[meter])
    other.load_state_dict(meter.state_dict())
    assert (other.seconds, other.samples) == (meter.seconds, SAMPLES)
    assert other.flops == meter.flops != Flops()
    assert other.seconds > 0


def test_an_older_checkpoint_does_not_know_its_flops() -> None:
    meter = Meter()
    meter.load_state_dict({"seconds": 1.0, "samples": 2})
    assert math.isnan(meter.flops.needed)
    assert math.isnan(meter.flops.executed)
