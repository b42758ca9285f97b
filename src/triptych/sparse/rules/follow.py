"""Averages of weights whose places move."""

from torch import nn

from triptych.sparse.kernels.kernel import SparseLinear, sparse_layers
from triptych.sparse.rules.move import move, zero_state


def follow(average: nn.Module, net: nn.Module) -> None:
    """Gives the sparse layers of an averaged copy the masks that the net's have now.

    Averages go place by place through values that need not be those of one place, and an average
    of masked matrices is as dense as their union. To be called once after each change of masks,
    before the next average is taken. A weight that is kept keeps its average, one that goes leaves
    nothing behind, and the average of a new one begins at 0, as the weight itself does: in an
    average with equal parts a weight counts as 0 for the time before it came.

    Buffers are to be copied, not averaged (`AveragedModel(..., use_buffers=False)`): the places of
    weights are no quantities.

    Args:
        average: a copy of the net, such as `AveragedModel(net).module`.
        net: whose masks changed.
    """
    for name, layer in sparse_layers(net).items():
        copy = average.get_submodule(name)
        assert isinstance(copy, SparseLinear)
        move(copy, layer.mask.to(copy.bias.device), None, zero_state, None)
