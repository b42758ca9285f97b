"""What follows from the tensors of a layer, and is dear to make."""

from collections.abc import Callable
from typing import Generic, TypeVar, final

from torch import Tensor

T = TypeVar("T")


@final
class Derived(Generic[T]):
    """A value that is kept until one of the tensors that it was made from changes. Copies of a
    layer, and what is saved of it, begin without. Of tensors that were made in inference mode
    nothing is kept, as their changes are not counted.

    >>> import torch
    >>> number, total = torch.ones(2), Derived()
    >>> float(total.of(number.sum, number)), total.of(number.sum, number) is total.kept[1]
    (2.0, True)
    >>> number[0] = 4
    >>> float(total.of(number.sum, number))
    5.0
    """

    def __init__(self) -> None:
        self.kept: tuple[list[tuple[Tensor, int]], T] | None = None

    def of(self, make: Callable[[], T], *tensors: Tensor) -> T:
        """The value that was kept, or a new one.

        Args:
            make: computes it.
            tensors: all that it depends on. None may be what an optimizer trains: torch does not
                count the changes of fused ones, nor writes to `.data`.
        """
        if any(tensor.is_inference() for tensor in tensors):
            return make()
        if self.kept is None or not _same(self.kept[0], tensors):
            # Aliases, so that no other tensor can come to lie at the same address.
            state = [(tensor.detach(), tensor._version) for tensor in tensors]
            self.kept = state, make()
        return self.kept[1]

    def __reduce__(self) -> tuple[type["Derived"], tuple[()]]:
        return Derived, ()


def _same(state: list[tuple[Tensor, int]], tensors: tuple[Tensor, ...]) -> bool:
    return len(state) == len(tensors) and all(
        old.data_ptr() == new.data_ptr() and old.shape == new.shape and version == new._version
        for (old, version), new in zip(state, tensors, strict=True)
    )
