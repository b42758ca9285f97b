"""What moving masks did so far: the weights that moved, and the places that were ever tried."""

from collections.abc import Mapping
from typing import Any, final

from jaxtyping import Bool
from torch import Tensor

from triptych.sparse import packed, unpacked

Masks = Mapping[str, Bool[Tensor, "O D"]]
"""The mask of each sparse layer, by the layer's name."""


@final
class MaskHistory:
    """The union of all masks of each layer, and how many weights the updates of an epoch moved.

    The share of places in the union is the exploration of Liu et al. 2021, arXiv 2102.02887
    (there R_s): a weight can be found only where one was tried. Takes a byte for each place, and
    an eighth of that in a checkpoint. Equal on all ranks, as masks are.
    """

    def __init__(self) -> None:
        self._tried: dict[str, Tensor] = {}
        self._moved = self._weights = 0

    def note(self, masks: Masks) -> None:
        """Adds the masks in use to the union."""
        for name, mask in masks.items():
            tried = self._tried.get(name)
            self._tried[name] = mask.clone() if tried is None else tried.to(mask.device) | mask

    def update(self, before: Masks, after: Masks) -> None:
        """Adds one update of all masks."""
        self.note(before)
        self.note(after)
        for name, old in before.items():
            self._moved += int((old & ~after[name]).sum())
            self._weights += int(old.sum())

    def take_churn(self) -> float | None:
        """The share of weights that the updates since the last call removed; None without any."""
        moved, weights = self._moved, self._weights
        self._moved = self._weights = 0
        return moved / weights if weights else None

    def explored(self) -> dict[str, float]:
        """The share of each layer's places that were in one of its masks."""
        return {name: int(tried.sum()) / tried.numel() for name, tried in self._tried.items()}

    def explored_in_all(self) -> float:
        """The same over all layers."""
        tried = self._tried.values()
        places = sum(union.numel() for union in tried)
        return sum(int(union.sum()) for union in tried) / max(places, 1)

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors: a bit for each place."""
        bits = {name: packed(tried) for name, tried in self._tried.items()}
        shapes = {name: list(tried.shape) for name, tried in self._tried.items()}
        return {"tried": bits, "shapes": shapes, "moved": self._moved, "weights": self._weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint."""
        shapes = state["shapes"]
        self._tried = {k: unpacked(bits, shapes[k]) for k, bits in state["tried"].items()}
        self._moved, self._weights = state["moved"], state["weights"]
