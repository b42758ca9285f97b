"""What the rules of a sparse training must keep to, checked before it and in it."""

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Float
from lightning.pytorch.strategies import Strategy
from torch import Tensor

from triptych.errors import IncompatibleSettings, MasksDiffer
from triptych.sparse import LatentRule, Rule, SparseLinear, fingerprint


def check_latent(rule: Rule, layers: Iterable[SparseLinear]) -> None:
    """Refuses weights that live on outside of the masks for nothing, and a rule that lacks them.

    Raises:
        IncompatibleSettings: naming the remedy.
    """
    latent = {layer.latent for layer in layers}
    if isinstance(rule, LatentRule) and False in latent:
        raise IncompatibleSettings(
            "model/rule=sr_ste trains weights outside of the masks, which this kernel does"
            " not keep: take model/kernel=straight_through"
        )
    if not isinstance(rule, LatentRule) and True in latent:
        raise IncompatibleSettings(
            "model/kernel=straight_through trains weights outside of its masks, which only"
            " model/rule=sr_ste brings back: take that rule, or model/kernel=masked"
        )


def refuse_difference(masks: Sequence[Bool[Tensor, "_ _"]], step: int, strategy: Strategy) -> None:
    """Compares the next masks of all processes.

    Raises:
        MasksDiffer: on all of them, naming the step.
    """
    mine = fingerprint(masks)
    # The smallest complement is that of the largest: one reduction for both.
    both = torch.stack([mine, ~mine])
    least, most = strategy.reduce(both, reduce_op="min").tolist()
    if least != ~most:
        raise MasksDiffer(
            f"masks differ between processes after step {step}: rules must draw and decide"
            " alike on all of them; train with trainer.devices=1"
        )


def seen(layer: SparseLinear) -> Float[Tensor, "O D"]:
    """The weights of a layer as a rule sees them: of a latent layer all that live."""
    return layer.weights.detach().clone() if layer.latent else layer.matrix()
