"""How a sparse layer looks in a state_dict, so that a layer of any kernel can load any other's."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import isabstract
from typing import Any, ClassVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.sparse.kernels.kernel import SparseLinear

Parts = Mapping[str, Tensor]
"""The tensors of one layer in a state_dict, by the names that its kernel gives them."""

INNER = "inner."  # before the names of a layer that another one is made of
EXTRA = "_extra_state"  # as torch calls what `get_extra_state` gives


class Stored(SparseLinear, ABC):
    """A kernel with a layout of its own. It loads the state_dict of every other kernel, as long as
    it can hold the mask; weights without a mask are refused. All kernels call the bias `bias`."""

    parts: ClassVar[Mapping[str, int]]
    """The tensors that hold mask and weights, by name, and the number of dimensions of each: by
    them a state_dict shows which kernel it is from. Kernels with the same ones read alike."""

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_translated)

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


def _translated(layer: Stored, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Rewrites, in place, the part of a state_dict that is about a layer in the layer's own form.

    A layer that the state_dict has nothing of is left to `load_state_dict` and its `strict`.

    Raises:
        InvalidSetting: if there is no mask, or the layer has another shape: one line that names
            the layer and the remedy.
    """
    _out_of_inner(layer, state, prefix)
    parts = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    parts.pop(EXTRA, None)
    if not parts or _is_own(parts, layer):
        return
    writer = writer_of(parts)
    name = prefix.removesuffix(INNER).removesuffix(".") or type(layer).__name__
    if writer is None:
        raise InvalidSetting(_no_mask(name, parts))
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


def into_inner(layer: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """For a layer that is made of another one, `inner`: what any other kernel saved is for that."""
    keys = [key for key in state if key.startswith(prefix)]
    if not keys or any(key.startswith(prefix + INNER) for key in keys):
        return
    for key in keys:
        state[prefix + INNER + key.removeprefix(prefix)] = state.pop(key)
    state.pop(prefix + INNER + EXTRA, None)
    state[prefix + EXTRA] = layer.get_extra_state()


def _out_of_inner(layer: Stored, state: dict[str, Any], prefix: str) -> None:
    """The reverse; and what a layer chose by time is of no use to one with other choices."""
    inner = [key for key in state if key.startswith(prefix + INNER)]
    for key in inner:
        state[prefix + key.removeprefix(prefix + INNER)] = state.pop(key)
    own = layer.state_dict()
    if inner or EXTRA not in own:
        state.pop(prefix + EXTRA, None)
    if EXTRA in own and any(key.startswith(prefix) for key in state):
        state.setdefault(prefix + EXTRA, own[EXTRA])


def kernels() -> list[type[Stored]]:
    """All kernels that can be made."""
    found, waiting = [], [Stored]
    for kind in waiting:
        below = kind.__subclasses__()
        waiting += below
        found += [kernel for kernel in below if not isabstract(kernel)]
    return found


def writer_of(parts: Parts) -> type[Stored] | None:
    """The kernel that these are from, the first of those that store alike; None if it is none."""
    return next((kernel for kernel in kernels() if _is_from(kernel, parts)), None)


def stored_mask(
    state: Mapping[str, Any], prefix: str, shape: tuple[int, int]
) -> Bool[Tensor, "O D"] | None:
    """The mask of a layer of this shape in a state_dict of any kernel's; None if there is none.

    Args:
        prefix: of the layer's keys, with the dot at its end.
    """
    inside = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    parts = {key.removeprefix(INNER): value for key, value in inside.items()}
    parts.pop(EXTRA, None)
    writer = writer_of(parts)
    read = None if writer is None else _read(writer, parts, shape)
    return None if read is None else read[0]


def _is_from(kernel: type[Stored], parts: Parts) -> bool:
    return all(name in parts and parts[name].dim() == dims for name, dims in kernel.parts.items())


def _is_own(parts: Parts, layer: Stored) -> bool:
    """Whether they are from a layer like this one, with another number of weights at most.

    Of kernels that share their parts only a latent one takes all as it is: another must not keep
    what lives outside of the mask, or may not take the mask.
    """
    kernel = type(layer)
    if not _is_from(kernel, parts):
        return False
    others = (other for other in kernels() if other is not kernel)
    if not layer.latent and any(other.parts == layer.parts for other in others):
        return False
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


def _no_mask(name: str, parts: Parts) -> str:
    found = ", ".join(sorted(parts))
    known = " or ".join(sorted({"+".join(kernel.parts) for kernel in kernels()}))
    return (
        f"{name}: a sparse layer needs its mask, and the state_dict has only {found} (a mask is in"
        f" {known}): load one that a sparse net saved, or the weights into a dense net"
    )
