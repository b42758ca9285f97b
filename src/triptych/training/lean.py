"""What Lightning does around each step of any module, sooner."""

import inspect
from abc import ABC
from typing import Any

import lightning as L
import torch

TEXT = (str, type(None))


class LeanModule(L.LightningModule, ABC):
    """A LightningModule whose steps cost less."""

    def __setattr__(self, name: str, value: Any) -> None:
        """As in `nn.Module`, sooner for text in place of text.

        Lightning notes the name of each hook that it enters and leaves, 46 times a step, and
        `nn.Module` looks through parameters, buffers and modules each time.
        """
        if name in self.__dict__ and type(value) in TEXT:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Notes the signature of `training_step`, which Lightning looks up in each step."""
        super().__init_subclass__(**keywords)
        step: Any = cls.training_step
        step.__signature__ = inspect.signature(step)

    def optimizer_zero_grad(
        self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer
    ) -> None:
        """No gradients; `Optimizer.zero_grad` takes seven times as long to come to the same."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
