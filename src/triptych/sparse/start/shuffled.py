"""The control for masks that were learned: as many weights in each layer, in places by lot."""

from collections.abc import Mapping
from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from triptych.errors import InvalidSetting, one_line
from triptych.seeds import derive
from triptych.sparse.kernels.stored import stored_mask
from triptych.sparse.start.dense import DenseCopy
from triptych.sparse.start.start import Start

KEY = "model.mask.start.checkpoint"


@final
class Shuffled(Start):
    """The masks of a trained net, the places of each layer shuffled: what its layers' densities are
    worth without its connections (Frankle et al. 2021, arXiv 2009.08576). Of the weights of
    the checkpoint nothing is taken, and of samples neither.

    Args:
        checkpoint: a file with the state of a sparse net, from a run or `{"state_dict": ...}`.
        seed: of the lots, for each layer its own.
        common: what every `Start` takes. The sparsity must be that of the checkpoint, to within the
            rounding of each layer's number of weights.
    """

    def __init__(self, *, checkpoint: str | None, seed: int, **common: Any) -> None:
        super().__init__(**common)
        self.checkpoint, self.seed = checkpoint, seed

    def check(self) -> None:
        """Reads the file: a net that was trained with such masks can do without it.

        Raises:
            InvalidSetting: if there is no such file, or nothing of a net in it.
        """
        _state(self.checkpoint)

    def choose(
        self, copy: DenseCopy, x: Float[Tensor, "N D"], y: Int[Tensor, " N"], count: int
    ) -> dict[str, Tensor]:
        """Each by its own lots.

        Raises:
            InvalidSetting: as `check`; if the checkpoint lacks a layer, or has another sparsity.
        """
        state = _state(self.checkpoint)
        masks = {name: self._mask(state, name, weight) for name, weight in copy.weights.items()}
        found = sum(int(mask.sum()) for mask in masks.values())
        if abs(found - count) > len(masks):
            places = sum(mask.numel() for mask in masks.values())
            raise InvalidSetting(
                f"model.sparsity={self.sparsity}, but the masks of {KEY}={self.checkpoint} leave"
                f" out {1 - found / places:.4g}: set model.sparsity to that"
            )
        return masks

    def _mask(self, state: Mapping[str, Tensor], name: str, weight: Tensor) -> Tensor:
        d_out, d_in = weight.shape
        mask = stored_mask(state, f"{name}.", (d_out, d_in))
        if mask is None:
            shape = f"{d_out} x {d_in}"
            raise InvalidSetting(
                f"{KEY}={self.checkpoint}: no mask for the layer {name} of {shape}: take the"
                " checkpoint of a sparse net with the same backbone, widths and dropout"
            )
        lots = torch.Generator().manual_seed(derive(self.seed, "shuffle", name))
        return mask.flatten()[torch.randperm(mask.numel(), generator=lots)].view(mask.shape)


def _state(checkpoint: str | None) -> Mapping[str, Tensor]:
    if checkpoint is None:
        raise InvalidSetting(
            f"model/mask=shuffled needs {KEY}=RUN/checkpoints/best.ckpt: of a trained sparse net"
        )
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InvalidSetting(f"{KEY}={checkpoint}: there is no such file") from None
    except Exception as error:  # bytes of another kind can break the unpickler anywhere
        raise InvalidSetting(
            f"{KEY}={checkpoint}: not a readable checkpoint ({one_line(str(error))})"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), Mapping):
        raise InvalidSetting(f"{KEY}={checkpoint}: no state_dict inside")
    return content["state_dict"]
