"""Banks that can hold a part of their experts, the others being on other ranks."""

from abc import ABC, abstractmethod

from torch import nn


class Shardable(ABC):
    """A bank that can let go of experts.

    The names of parameters, and the `costs`, stay those of the whole bank. A parameter is either
    stacked, with one row per expert, or belongs to a single expert.
    """

    @abstractmethod
    def keep(self, own: range) -> None:
        """Lets go of all experts but `own`; `each` then gives these alone."""


def keep_rows(bank: nn.Module, own: range) -> None:
    """Rows `own` of each parameter, where all of them are stacked."""
    for name, stacked in list(bank.named_parameters(recurse=False)):
        part = stacked.detach()[own.start : own.stop].clone()
        bank.register_parameter(name, nn.Parameter(part, stacked.requires_grad))
