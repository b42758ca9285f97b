"""What executes sparse layers, and how fast, said before a training."""

import sys

import lightning as L
from torch import nn

from triptych.data import ClassificationData
from triptych.metrics import labelled_layers
from triptych.sparse import ChoosingLinear, measured_speeds
from triptych.training.fully_sharded import is_sharded


def told_speeds(net: nn.Module, trainer: L.Trainer) -> dict[str, float | None]:
    """Measures each kind of layer at the batch of one process, and prints a line for each.

    Returns:
        The speed of each layer, by its label, as a share of a dense layer's; None where it was not
        measured. Empty without data, and for a net of which this process holds a part: weights
        are whole only while the net computes.
    """
    data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
    if not isinstance(data, ClassificationData) or is_sharded(net):
        return {}
    rows = max(data.batch_size // trainer.world_size, 1)
    layers = labelled_layers(net)
    with trainer.precision_plugin.forward_context():
        speeds = measured_speeds(layers, rows)
    for layer in layers.values():
        if isinstance(layer, ChoosingLinear):  # by the clock of one rank, for all of them
            layer.chosen = trainer.strategy.broadcast(layer.chosen)
    if trainer.is_global_zero:
        for speed in speeds:
            print(speed.line(), file=sys.stderr)
    return {name: speed.ratio for speed in speeds for name in speed.layers}
