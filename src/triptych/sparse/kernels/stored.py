"""How a sparse layer looks in a state_dict, so that a layer of any kernel can load any other's."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping, Sequence
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from triptych.errors import InvalidSetting

Parts = Mapping[str, Tensor]
"""The tensors of one layer in a state_dict, by the names that its kernel gives them."""


class Stored(nn.Module, ABC):
    """What a kernel says of its tensors in a state_dict. All kernels call the bias `bias`."""

    parts: ClassVar[Mapping[str, int]]
    """The tensors that hold mask and weights, by name, and the number of dimensions of each: by
    them a state_dict shows which kernel it is from. Kernels with the same ones read alike."""

    @staticmethod
    @abstractmethod
    def read(
        parts: Parts, shape: tuple[int, int]
    ) -> tuple[Bool[Tensor, "O D"], Float[Tensor, "O D"]]:
        """The mask and the weights, zero outside of it, of `parts` that this kernel wrote.

        Raises:
            IndexError: if they are of a layer with more inputs than `shape` has.
        """

    @abstractmethod
    def write(self, mask: Bool[Tensor, "O D"], matrix: Float[Tensor, "O D"]) -> dict[str, Tensor]:
        """The parts of a layer like this one with another mask and other weights.

        Raises:
            IncompatibleSettings: if the kernel cannot take such a mask.
        """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(O, D)."""


def is_from(kernel: type[Stored], parts: Parts) -> bool:
    """Whether a kernel wrote these parts."""
    return all(name in parts and parts[name].dim() == dims for name, dims in kernel.parts.items())


def translate(
    layer: Stored,
    kernels: Sequence[type[Stored]],
    state: MutableMapping[str, Tensor],
    prefix: str,
) -> None:
    """Rewrites the part of a state_dict that is about a layer in the form of the layer's kernel.

    A layer that the state_dict has nothing of is left to `load_state_dict` and its `strict`.

    Args:
        layer: that will load it.
        kernels: all that may have written it.
        state: changed in place; its tensors are not.
        prefix: of the layer's keys.

    Raises:
        InvalidSetting: if there is no mask, or the layer has another shape: one line that names
            the layer and the remedy.
    """
    parts = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    if not parts or (is_from(type(layer), parts) and _fits(parts, layer)):
        return
    writer = next((kernel for kernel in kernels if is_from(kernel, parts)), None)
    name = prefix.removesuffix(".") or type(layer).__name__
    if writer is None:
        raise InvalidSetting(_no_mask(name, parts, kernels))
    read = _read(writer, parts, layer.shape)
    if read is None:
        d_out, d_in = layer.shape
        raise InvalidSetting(
            f"{name}: the state_dict holds a sparse layer of another shape than {d_out} x {d_in}:"
            " build the net with the widths that it was saved with"
        )
    for part in writer.parts:
        del state[prefix + part]
    state.update({prefix + part: value for part, value in layer.write(*read).items()})


def _fits(parts: Parts, layer: Stored) -> bool:
    """Whether they differ from the layer's own in the number of weights at most."""
    own = layer.state_dict()
    alike = all(parts[part].shape[1:] == own[part].shape[1:] for part in layer.parts)
    return alike and ("bias" not in parts or parts["bias"].shape == own["bias"].shape)


def _read(
    kernel: type[Stored], parts: Parts, shape: tuple[int, int]
) -> tuple[Tensor, Tensor] | None:
    try:
        mask, matrix = kernel.read(parts, shape)
    except IndexError:
        return None
    return (mask, matrix) if tuple(mask.shape) == shape else None


def _no_mask(name: str, parts: Parts, kernels: Sequence[type[Stored]]) -> str:
    found = ", ".join(sorted(parts))
    known = " or ".join(sorted({"+".join(kernel.parts) for kernel in kernels}))
    return (
        f"{name}: a sparse layer needs its mask, and the state_dict has only {found} (a mask is in"
        f" {known}): load one that a sparse net saved, or the weights into a dense net"
    )
