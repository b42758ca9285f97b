"""What must hold of the masks of a net, before and while it trains."""

from collections.abc import Iterable

import torch
from lightning import Trainer
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, LayerCollapsed, MasksDiffer
from triptych.metrics import layer_densities
from triptych.sparse import LatentRule, Rule, SparseLinear, fingerprint


def check_latent(rule: Rule, layers: Iterable[SparseLinear]) -> None:
    """Refuses a rule for weights outside of the masks without such weights, and the reverse.

    Raises:
        IncompatibleSettings: naming both and the remedy.
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


def refuse_difference(trainer: Trainer, masks: list[Tensor], step: int) -> None:
    """Stops processes whose next masks are not the same.

    Raises:
        MasksDiffer: on all of them.
    """
    mine = fingerprint(masks)
    # The smallest complement is that of the largest: one reduction for both.
    both = torch.stack([mine, ~mine])
    least, most = trainer.strategy.reduce(both, reduce_op="min").tolist()
    if least != ~most:
        raise MasksDiffer(
            f"masks differ between processes after step {step}: rules must draw and decide"
            " alike on all of them; train with trainer.devices=1"
        )


def refuse_collapse(net: nn.Module, step: int) -> None:
    """Stops where a layer lets nothing through any more.

    Raises:
        LayerCollapsed: naming the layer.
    """
    for row in layer_densities(net):
        if row["nonzeros"] == 0:
            raise LayerCollapsed(
                f"layer {row['layer']} has no weight left after step {step}: lower"
                " model.sparsity, or prune layer by layer with model/rule=pruning"
            )
