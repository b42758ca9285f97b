import math

import pytest
import torch

from triptych.errors import InvalidSetting
from triptych.training import WarmupCosine

from .tiny import BATCHES, fit


def rates(warmup: float, steps: int, lr: float = 2.0) -> list[float]:
    """Of each step, and of one after the last."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=lr)
    schedule = WarmupCosine(optimizer, warmup)
    schedule.plan(steps)
    seen: list[float] = []
    for _ in range(steps + 1):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_it_rises_over_the_first_steps_and_ends_at_0():
    seen = rates(0.5, 8)
    wanted = [2.0 * min(1, (s + 1) / 4) * (1 + math.cos(math.pi * s / 8)) / 2 for s in range(9)]
    assert seen == pytest.approx(wanted)
    assert seen[0] == pytest.approx(0.5)
    assert seen[8] == pytest.approx(0)


def test_without_a_rise_it_starts_at_the_top():
    assert rates(0.0, 5)[0] == 2.0


@pytest.mark.parametrize("warmup", [-0.1, 1.0, math.nan])
def test_a_rise_over_more_than_all_steps_is_refused(warmup):
    with pytest.raises(InvalidSetting, match=r"scheduler\.warmup=.* must be in \[0, 1\)"):
        rates(warmup, 4)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_run_steps_it_once_per_optimizer_step(accumulate):
    settings = {"max_epochs": 2, "accumulate_grad_batches": accumulate}
    _, _, runner = fit("model=ffn", "scheduler=warmup_cosine", **settings)
    steps = 2 * math.ceil(BATCHES / accumulate)
    schedule = runner.lr_scheduler_configs[0].scheduler
    assert (schedule.steps, schedule.last_epoch) == (steps, steps)
    assert runner.optimizers[0].param_groups[0]["lr"] == pytest.approx(0)
