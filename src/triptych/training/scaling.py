"""What a gradient scaler (16-bit training) does to steps and to gradients that it does not see."""

import torch
from lightning import Trainer
from lightning.pytorch.plugins.precision import MixedPrecision


def took_place(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the step that just ended changed weights.

    A scaler does not call an optimizer after infinite gradients, but it does call a fused one,
    which then skips the step by itself: the scaler's note says so.
    """
    return not bool(vars(optimizer).get("found_inf", False))


def loss_scale(trainer: Trainer) -> float:
    """The factor of all gradients of the step that just ended; 1 without a scaler."""
    plugin = trainer.precision_plugin
    if isinstance(plugin, MixedPrecision) and plugin.scaler is not None:
        return plugin.scaler.get_scale()
    return 1.0
