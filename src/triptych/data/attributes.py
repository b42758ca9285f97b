"""Signals of several families, each with a rule of its own for reading the class off them."""

from typing import final

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from triptych.data.attribute_families import ATTRIBUTE_FAMILIES
from triptych.data.bayes import SAMPLES, answerable, bayes_ceiling
from triptych.data.ceiling import Ceiling
from triptych.data.drawn import DrawnData
from triptych.data.families import LONGEST
from triptych.data.multimodal import SHORTEST
from triptych.data.ranges import require, require_noise
from triptych.data.scaling import Scaling, Standardize
from triptych.data.signals import Samples, shares

MOST_BINS = 64


@final
class AttributesData(DrawnData):
    """The class says in which bin the attribute of a signal lies: frequency, curvature, time of a
    jump, rate, ... Which bin is which class is another permutation for each family, so a net must
    know the family and then measure. The family itself is no class.

    Args:
        seed: the seed of the run; permutations and signals have streams of their own.
        n_train: training samples, divided over the families as evenly as they allow.
        n_val: validation samples.
        n_test: test samples.
        num_families: how many of the eight there are, in the order of `ATTRIBUTE_FAMILIES`.
        label_bins: equally likely bins of each attribute, and so the number of classes.
        seq_len: points per signal, and so the number of features.
        noise: standard deviation of the noise, the same for all.
        batch_size: samples per optimizer step over all processes.
        scaling: what to fit on the training features.

    Raises:
        InvalidSetting: for any of these out of range; the message names the key.
    """

    def __init__(
        self,
        seed: int,
        n_train: int = 32000,
        n_val: int = 2000,
        n_test: int = 10000,
        num_families: int = 8,
        label_bins: int = 4,
        seq_len: int = 32,
        noise: float = 0.08,
        batch_size: int = 128,
        scaling: Scaling | None = None,
    ) -> None:
        most = len(ATTRIBUTE_FAMILIES)
        require(1 <= num_families <= most, "num_families", num_families, f"in [1, {most}]")
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        super().__init__(
            seed, batch_size, sizes, ("family", num_families), scaling or Standardize()
        )
        require(2 <= label_bins <= MOST_BINS, "label_bins", label_bins, f"in [2, {MOST_BINS}]")
        lengths = f"in [{SHORTEST}, {LONGEST}]"
        require(SHORTEST <= seq_len <= LONGEST, "seq_len", seq_len, lengths)
        require_noise("noise", noise)
        self._families = ATTRIBUTE_FAMILIES[:num_families]
        self._bins, self._seq_len, self._noise = label_bins, seq_len, noise

    @property
    def in_dim(self) -> int:
        """Points per signal."""
        return self._seq_len

    @property
    def classes(self) -> list[str]:
        """Numbers: a class is another bin in each family."""
        return [str(label) for label in range(self._bins)]

    @property
    def families(self) -> list[str]:
        """The kinds of signal."""
        return [family.name for family in self._families]

    @property
    def labels(self) -> Int[Tensor, "families bins"]:
        """The class of each bin. A family keeps its permutation when others join."""
        stream = self.task_stream()
        rows = [torch.randperm(self._bins, generator=stream) for _ in self._families]
        return torch.stack(rows)

    def ceiling(self) -> Ceiling | None:
        """By the likelihood of fresh signals under each bin of each family, by quadrature."""
        if not answerable(self._seq_len, self._noise):
            return None
        x = self.draw(SAMPLES, self.stream("data", "ceiling")).x
        joint = x.new_full((len(x), self._bins), -torch.inf, dtype=torch.float64)
        for family, label in zip(self._families, self.labels, strict=True):
            logs = family.likelihood(self._bins)(x, self._noise)
            if logs is None:
                return None
            joint[:, label] = torch.logaddexp(joint[:, label], logs)
        return bayes_ceiling(joint)

    def draw(self, n: int, generator: Generator) -> Samples:
        """As evenly divided over the families as whole numbers allow, in random order."""
        counts = shares(n, len(self._families))
        traits = [
            family.draw(count, self._seq_len, generator)
            for family, count in zip(self._families, counts, strict=True)
        ]
        x = torch.cat([part.signal for part in traits])
        x += self._noise * torch.randn(x.shape, generator=generator)
        bins = torch.cat([part.quantile for part in traits]).mul(self._bins).long()
        family = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        order = torch.randperm(n, generator=generator)
        y = self.labels[family, bins.clamp(max=self._bins - 1)]
        return Samples(x[order], y[order], family[order])
