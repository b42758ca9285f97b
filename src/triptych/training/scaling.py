"""What a gradient scaler (16-bit training) does to steps and to gradients that it does not see."""

import torch
from lightning import Trainer
from lightning.pytorch.plugins.precision import MixedPrecision

from triptych.errors import IncompatibleSettings


def check_scaling(trainer: Trainer, optimizer: torch.optim.Optimizer) -> None:
    """Refuses a scaler with an optimizer that leaves out steps by itself, so that nobody sees it.

    Raises:
        IncompatibleSettings: for a scaler and a fused optimizer.
    """
    if _scaler(trainer) is not None and optimizer.defaults.get("fused"):
        raise IncompatibleSettings(
            "trainer.precision=16-mixed leaves out steps, which a fused optimizer does unseen:"
            " set optimizer.fused=null, or trainer.precision=bf16-mixed"
        )


def loss_scale(trainer: Trainer) -> float:
    """The factor of all gradients of the step that just ended; 1 without a scaler."""
    scaler = _scaler(trainer)
    return 1.0 if scaler is None else scaler.get_scale()


def _scaler(trainer: Trainer) -> torch.amp.GradScaler | None:
    plugin = trainer.precision_plugin
    return plugin.scaler if isinstance(plugin, MixedPrecision) else None
