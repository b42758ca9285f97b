"""Layers that take a state dict with another number of weights than they were built with."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import nn


def take_stored_sizes(layer: nn.Module, parameter: str, buffer: str) -> None:
    """From now on, before `layer` loads a state dict, it takes on the number of weights in there.

    Masks that were chosen from samples, or that a rule changed, are not those that a configuration
    builds; the checkpoint alone knows how many weights they left in each layer.

    Args:
        layer: whose lengths are those of the two that follow, in their first dimension.
        parameter: the name of its values.
        buffer: the name of the places of the values.
    """
    layer.register_load_state_dict_pre_hook(partial(_resize, parameter, buffer))


def _resize(
    parameter: str,
    buffer: str,
    module: nn.Module,
    state: Mapping[str, Any],
    prefix: str,
    *_: Any,
) -> None:
    places, values = state.get(prefix + buffer), state.get(prefix + parameter)
    own = module.get_parameter(parameter)
    # Whatever else is wrong, torch names when it loads.
    if places is None or values is None or len(places) != len(values):
        return
    if len(values) != len(own) and values.shape[1:] == own.shape[1:]:
        own.data = own.data.new_empty(values.shape)  # the parameter that an optimizer may hold
        own.grad = None
        old = module.get_buffer(buffer)
        module.register_buffer(buffer, old.new_empty(places.shape))
