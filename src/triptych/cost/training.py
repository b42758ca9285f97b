"""What training costs: forward, gradient of the inputs, gradient of the weights."""

from dataclasses import dataclass
from typing import final

from torch import nn

from triptych.sparse import SparseLinear, sparse_layers
from triptych.types import Cost


@final
@dataclass(frozen=True)
class Flops:
    """Floating point operations: those that an architecture needs, and those that run."""

    needed: float = 0.0
    executed: float = 0.0

    def __add__(self, other: "Flops") -> "Flops":
        return Flops(self.needed + other.needed, self.executed + other.executed)

    def times(self, samples: int) -> "Flops":
        """The same for so many samples."""
        return Flops(self.needed * samples, self.executed * samples)


NONE = Flops()


def step_flops(cost: Cost) -> Flops:
    """Of a sample in a training step, 3 f: the backward pass costs twice the forward pass."""
    return Flops(3 * cost.flops, 3 * cost.flops_executed)


def sparse_step_flops(cost: Cost, net: nn.Module) -> Flops:
    """The same for a net with sparse layers: of a latent one the gradient of the weights is dense,
    which is 2 f_S + f_D in its part."""
    latent = [layer for layer in _sparse(net) if layer.latent]
    return step_flops(cost) + Flops(needed=_places(latent) - _weights(latent))


def probed_step_flops(cost: Cost, net: nn.Module) -> Flops:
    """Of a sample in a training step that also finds the gradient of weights that do not exist.

    Needed is 2 f_S + f_D, as Evci et al. 2020, arXiv 1911.11134, appendix, count RigL: the
    gradient of the weights is dense, and nothing else. A probe executes more than that: a dense
    product by zeros, forward and backward, beside the sparse one.
    """
    layers = _sparse(net)
    dense = _places(layers)
    return step_flops(cost) + Flops(dense - _weights(layers), 3 * dense)


@final
class TrainingFlops:
    """Adds up training steps whose cost changes as the net's density does.

    Samples are counted as they come. What they cost is looked up only when that is about to
    change, because counting the weights of a mask waits for the device.
    """

    def __init__(self) -> None:
        self.total = Flops()
        self._plain = self._probed = 0

    def note(self, samples: int, *, probed: bool) -> None:
        """Counts the samples of a step."""
        if probed:
            self._probed += samples
        else:
            self._plain += samples

    def settle(self, cost: Cost, net: nn.Module) -> None:
        """Adds the samples counted since the last time, at what they cost until now."""
        self.total += sparse_step_flops(cost, net).times(self._plain)
        if self._probed:
            self.total += probed_step_flops(cost, net).times(self._probed)
        self._plain = self._probed = 0

    def reset(self, total: Flops = NONE) -> None:
        """Forgets everything but a total to go on from."""
        self.total = total
        self._plain = self._probed = 0


def _sparse(net: nn.Module) -> list[SparseLinear]:
    return list(sparse_layers(net).values())


def _places(layers: list[SparseLinear]) -> int:
    return sum(2 * layer.shape[0] * layer.shape[1] for layer in layers)


def _weights(layers: list[SparseLinear]) -> int:
    return sum(2 * layer.nonzeros for layer in layers)
