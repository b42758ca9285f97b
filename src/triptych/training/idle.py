"""Hooks of a step that do nothing, left out."""

from collections.abc import Iterable

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint

HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


def leave_out_idle_hooks(callbacks: Iterable[L.Callback], module: L.LightningModule) -> None:
    """Puts None in place of the hooks of a step that callbacks and module do not define.

    Lightning calls each hook of each callback in each step, 54 of them in a default run, and skips
    what is not callable.
    """
    for hook in HOOKS:
        for callback in callbacks:
            if _is_that_of(L.Callback, callback, hook) or _saves_after_epochs_only(callback, hook):
                setattr(callback, hook, None)
        if _is_that_of(L.LightningModule, module, hook):
            setattr(module, hook, None)


def _is_that_of(base: type, instance: object, hook: str) -> bool:
    return getattr(getattr(instance, hook), "__func__", None) is getattr(base, hook)


def _saves_after_epochs_only(callback: L.Callback, hook: str) -> bool:
    if not isinstance(callback, ModelCheckpoint) or hook != "on_train_batch_end":
        return False
    # Private names of Lightning 2.6; a test watches them.
    return callback._every_n_train_steps == 0 and callback._train_time_interval is None
