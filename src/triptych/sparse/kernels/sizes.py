"""Layers that take a state dict with another number of weights than they were built with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from torch import nn


@final
@dataclass(frozen=True)
class StoredSizes:
    """A hook that, before a layer loads a state dict, gives it the number of weights in there.

    Masks that were chosen from samples are not those that a configuration builds; the checkpoint
    alone knows how many weights they left in each layer.

    Attributes:
        places: names of the buffers that say where the layer's `values` are; their lengths are the
            first sizes of `values`.
        rest: the other sizes.
    """

    places: tuple[str, ...]
    rest: tuple[int, ...] = ()

    def __call__(self, layer: nn.Module, state: Mapping[str, Any], prefix: str, *_: Any) -> None:
        """Only if values and places fit each other; whatever is wrong, torch says as it loads."""
        names = ("values", *self.places)
        if any(prefix + name not in state for name in names):
            return
        stored = {name: state[prefix + name] for name in names}
        shape = (*(len(stored[name]) for name in self.places), *self.rest)
        values = layer.get_parameter("values")
        if stored["values"].shape != shape or values.shape == shape:
            return
        values.data = values.data.new_empty(shape)  # an optimizer may hold this parameter
        values.grad = None
        for name in self.places:
            layer.register_buffer(name, layer.get_buffer(name).new_empty(len(stored[name])))
