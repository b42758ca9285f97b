"""Gradients clipped by their norm, where the norm can be looked at."""

from itertools import chain

from lightning.pytorch.plugins import Precision
from torch import optim
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

TINY = 1e-6  # as in torch


def clip_on_cpu(optimizer: optim.Optimizer, largest: float) -> None:
    """The same to the last bit as `torch.nn.utils.clip_grad_norm_`, which multiplies gradients by 1
    where their norm is not too large: on a GPU one would have to wait to know.

    Args:
        optimizer: whose parameters' gradients, all together.
        largest: norm.
    """
    parameters = list(chain.from_iterable(group["params"] for group in optimizer.param_groups))
    norm = get_total_norm([p.grad for p in parameters if p.grad is not None])
    if not largest / (norm + TINY) >= 1:  # also where it is not a number
        clip_grads_with_norm_(parameters, largest, norm)


def has_no_way_of_its_own(plugin: Precision) -> bool:
    """Whether a plugin clips gradients by their norm as Lightning does without any."""
    kind = type(plugin)
    return (
        kind.clip_gradients is Precision.clip_gradients
        and kind.clip_grad_by_norm is Precision.clip_grad_by_norm
        and kind.main_params is Precision.main_params
    )
