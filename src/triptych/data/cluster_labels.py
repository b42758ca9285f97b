"""What is told of the clusters: their true numbers, or as many numbers that mean nothing."""

from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Int
from torch import Generator, Tensor


class ClusterLabels(ABC):
    """Says which cluster each sample of a split is told to be from."""

    @abstractmethod
    def tell(self, cluster: Int[Tensor, " n"], generator: Generator) -> Int[Tensor, " n"]:
        """The cluster to tell of each sample, given the true ones."""


@final
class KnownClusters(ClusterLabels):
    """The truth."""

    def tell(self, cluster: Int[Tensor, " n"], generator: Generator) -> Int[Tensor, " n"]:
        """What it is given."""
        return cluster


@final
class ShuffledClusters(ClusterLabels):
    """The control: the same numbers, dealt out by lot within each split.

    Whatever routes by them, or is said to specialise in them, does so by chance.
    """

    def tell(self, cluster: Int[Tensor, " n"], generator: Generator) -> Int[Tensor, " n"]:
        """A permutation of what it is given."""
        return cluster[torch.randperm(len(cluster), generator=generator)]
