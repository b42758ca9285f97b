"""Signals of several families, each with a rule of its own for reading the class off them."""

from typing import final

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from triptych.data.attribute_families import ATTRIBUTE_FAMILIES
from triptych.data.bayes import SAMPLES, answerable, bayes_ceiling
from triptych.data.ceiling import Ceiling
from triptych.data.families import LONGEST
from triptych.data.module import ClassificationData, Splits
from triptych.data.multimodal import SHORTEST
from triptych.data.scaling import Scaling, Standardize
from triptych.data.signals import Samples, shares
from triptych.errors import InvalidSetting
from triptych.seeds import derive

MOST_BINS = 64


@final
class AttributesData(ClassificationData):
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
        super().__init__(seed, batch_size)
        _check_range("num_families", num_families, 1, len(ATTRIBUTE_FAMILIES))
        _check_range("label_bins", label_bins, 2, MOST_BINS)
        _check_range("seq_len", seq_len, SHORTEST, LONGEST)
        self._sizes = {"train": n_train, "val": n_val, "test": n_test}
        for split, n in self._sizes.items():
            if n < num_families:
                raise InvalidSetting(
                    f"data.n_{split}={n} must be at least {num_families}, one for each family"
                )
        if not 0 <= noise < float("inf"):
            raise InvalidSetting(f"data.noise={noise} must be a finite number, 0 or more")
        self._families = ATTRIBUTE_FAMILIES[:num_families]
        self._bins, self._seq_len, self._noise = label_bins, seq_len, noise
        self._scaling = scaling or Standardize()

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
        generator = Generator().manual_seed(derive(self.seed, "task"))
        rows = [torch.randperm(self._bins, generator=generator) for _ in self._families]
        return torch.stack(rows)

    def generate(self) -> Splits:
        """Three independent draws, scaled by what the first of them says."""
        raw = {split: self._draw(split, n) for split, n in self._sizes.items()}
        scale = self._scaling.fit(raw["train"].x)
        return Splits(**{name: part._replace(x=scale(part.x)) for name, part in raw.items()})

    def ceiling(self) -> Ceiling | None:
        """By the likelihood of fresh signals under each bin of each family, by quadrature."""
        if not answerable(self._seq_len, self._noise):
            return None
        x = self._draw("ceiling", SAMPLES).x
        joint = x.new_full((len(x), self._bins), -torch.inf, dtype=torch.float64)
        for family, label in zip(self._families, self.labels, strict=True):
            logs = family.likelihood(self._bins)(x, self._noise)
            if logs is None:
                return None
            joint[:, label] = torch.logaddexp(joint[:, label], logs)
        return bayes_ceiling(joint)

    def _draw(self, split: str, n: int) -> Samples:
        """As evenly divided over the families as whole numbers allow, in random order."""
        generator = Generator().manual_seed(derive(self.seed, "data", split))
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


def _check_range(key: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidSetting(f"data.{key}={value} must be in [{low}, {high}]")
