"""Hooks of a step that do nothing are not called, and all others are."""

from pathlib import Path
from typing import Any

import pytest
from lightning import Callback
from lightning.pytorch.callbacks import LambdaCallback, ModelCheckpoint

from triptych.training import Meter, Termination, leave_out_idle_hooks
from triptych.training.idle import HOOKS

from ..alike import same
from .tiny import BATCHES, Diary, pair, trainer


class Idle(Callback):
    """Does nothing in a step."""


def live(callback: Callback) -> set[str]:
    return {hook for hook in HOOKS if getattr(callback, hook) is not None}


def test_hooks_that_a_callback_defines_stay(tmp_path: Path) -> None:
    module, _ = pair("model=moe")
    idle, meter, ending = Idle(), Meter(), Termination(tmp_path / "last.ckpt")
    leave_out_idle_hooks([idle, meter, ending], module)
    assert live(idle) == live(meter) == set()
    assert live(ending) == {"on_train_batch_end"}
    assert module.on_before_zero_grad is None
    assert module.on_before_optimizer_step is not None  # routers that balance themselves


@pytest.mark.parametrize("hook", HOOKS)
def test_a_function_that_was_set_as_a_hook_stays(hook: str) -> None:
    module, _ = pair()
    callback = LambdaCallback(**{hook: lambda *_: None})
    leave_out_idle_hooks([callback], module)
    assert live(callback) == {hook}


@pytest.mark.parametrize(
    ("settings", "saves"),
    [
        ({}, False),
        ({"save_on_train_epoch_end": True}, False),
        ({"every_n_train_steps": 3}, True),
        ({"train_time_interval": __import__("datetime").timedelta(seconds=1)}, True),
    ],
)
def test_a_checkpoint_within_an_epoch_is_still_written(
    settings: dict[str, Any], saves: bool, tmp_path: Path
) -> None:
    """Watches private names of Lightning's."""
    callback = ModelCheckpoint(tmp_path, **settings)
    leave_out_idle_hooks([callback], pair()[0])
    assert live(callback) == ({"on_train_batch_end"} if saves else set())


def test_checkpoints_by_steps_are_written_in_a_fit(tmp_path: Path) -> None:
    module, data = pair()
    last = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=2, save_top_k=-1)
    runner = trainer([last], max_epochs=1, enable_checkpointing=True)
    leave_out_idle_hooks(runner.callbacks, module)
    runner.fit(module, data)
    assert len(list(tmp_path.iterdir())) == BATCHES // 2


def test_a_fit_without_them_is_the_same() -> None:
    found = []
    for quick in (False, True):
        module, data = pair("model=moe")
        diary = Diary()
        runner = trainer([diary, Idle()], max_epochs=2)
        if quick:
            leave_out_idle_hooks(runner.callbacks, module)
        runner.fit(module, data)
        found.append((module.state_dict(), diary.logged))
    same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
