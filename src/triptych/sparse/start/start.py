"""Masks that are chosen before the first step, by looking at the network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.sparse.kernels.kernel import SparseLinear, sparse_layers
from triptych.sparse.patterns.uniform import live_weights, scattered
from triptych.sparse.start.dense import DenseCopy, dense_copy


class Start(ABC):
    """Chooses the masks of a whole net before its first step: pruning at initialisation.

    All sparse layers together keep exactly `live_weights(places, sparsity)` weights; which ones, a
    subclass says. The weights that stay keep their first values, as in the papers.

    Args:
        sparsity: share of weights left out of all sparse layers together.
        kernel: makes a layer from a mask.

    Raises:
        InvalidSetting: if sparsity is outside [0, 1).
    """

    def __init__(self, sparsity: float, kernel: Callable[[Tensor], SparseLinear]) -> None:
        live_weights(1, sparsity)
        self.sparsity, self.kernel = sparsity, kernel

    @abstractmethod
    def choose(
        self, copy: DenseCopy, x: Float[Tensor, "N D"], y: Int[Tensor, " N"], count: int
    ) -> dict[str, Tensor]:
        """Masks (O, D) by layer, with `count` weights in all.

        Args:
            copy: of the net, in double precision, for this alone: it may be changed.
            x: samples, in double precision.
            y: their classes.
            count: weights that stay.
        """

    def check(self) -> None:  # noqa: B027 - most have nothing to refuse
        """Refuses what no masks can be chosen from, before there are samples.

        Raises:
            InvalidSetting: naming the remedy.
        """

    @final
    def masks(
        self, net: nn.Module, x: Float[Tensor, "N D"], y: Int[Tensor, " N"]
    ) -> dict[str, Tensor]:
        """The masks (O, D) of the sparse layers of a net, which stays as it is. Equal wherever net
        and samples are.

        Args:
            net: (N, D) -> logits (N, C), on the CPU; scored with dropout off.
            x: samples.
            y: their classes.

        Raises:
            InvalidSetting: if a layer would lose all its weights.
        """
        with one_thread():
            copy = dense_copy(net)
            places = sum(weight.numel() for weight in copy.weights.values())
            count = live_weights(places, self.sparsity)
            masks = self.choose(copy, x.double(), y, count)
        for name, mask in masks.items():
            if not mask.any():
                raise InvalidSetting(
                    f"layer collapse: at sparsity={self.sparsity} the layer {name} would lose all"
                    " its weights: lower model.sparsity, or take model/mask=erdos_renyi"
                )
        return masks

    @final
    def begin(self, net: nn.Module, x: Float[Tensor, "N D"], y: Int[Tensor, " N"]) -> None:
        """Swaps each sparse layer of a net for one with the mask that was chosen: before there is
        an optimizer, because a parameter may get another size. See `masks`."""
        masks = self.masks(net, x, y)
        with torch.random.fork_rng(devices=[]):  # a new layer draws weights that nobody needs
            for name, layer in sparse_layers(net).items():
                net.set_submodule(name, _successor(layer, self.kernel(masks[name])))

    @final
    def rehearse(self, net: nn.Module) -> None:
        """Makes a layer with a mask by lot for each of a net's, and forgets it: a kernel that takes
        no such masks says so now."""
        for layer in sparse_layers(net).values():
            d_out, d_in = layer.shape
            lots = torch.Generator().manual_seed(0)
            self.kernel(scattered(d_out, d_in, live_weights(d_out * d_in, self.sparsity), lots))


def largest(
    scores: Mapping[str, Tensor], among: Mapping[str, Tensor], count: int
) -> dict[str, Tensor]:
    """Masks of the `count` largest scores over all layers, among some places; of equal ones, any.

    Args:
        scores: (O, D) by layer.
        among: masks (O, D) by layer, with at least `count` places.
        count: places to take.
    """
    joint = torch.cat(
        [torch.where(among[name], score, -torch.inf).flatten() for name, score in scores.items()]
    )
    taken = torch.zeros(len(joint), dtype=torch.bool)
    taken[torch.topk(joint, count).indices] = True
    parts = taken.split([score.numel() for score in scores.values()])
    shapes = [score.shape for score in scores.values()]
    pairs = zip(scores, parts, shapes, strict=True)
    return {name: part.view(shape) for name, part, shape in pairs}


def everywhere(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Masks without holes."""
    return {name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, sums have one order: processes with different numbers of threads would otherwise
    round scores differently, and could choose different masks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
def _successor(old: SparseLinear, new: SparseLinear) -> SparseLinear:
    new.to(old.bias).train(old.training)
    new.weights.copy_(new.pick(old.matrix()))
    new.bias.copy_(old.bias)
    return new
