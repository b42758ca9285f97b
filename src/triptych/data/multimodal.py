"""The multimodal signals of the source study: which process made this signal?"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import final

import torch
from torch import Generator

from triptych.data.bayes import SAMPLES, answerable, bayes_ceiling
from triptych.data.ceiling import Ceiling
from triptych.data.drawn import DrawnData
from triptych.data.families import FAMILIES, Family
from triptych.data.ranges import require_noise
from triptych.data.scaling import Scaling, Standardize
from triptych.data.signals import Samples, make_signals
from triptych.errors import InvalidSetting

SHORTEST = 8
FAMILY_NAMES = ("sinusoid", "cubic", "steps", "exponential")


@final
class MultimodalData(DrawnData):
    """Short noisy signals; the class is the family that made the signal.

    Train, validation and test come from three independent streams, and scaling is fitted on
    train alone. Sizes are known at once; the signals are made by `setup`.

    Args:
        seed: the seed of the run.
        n_train: training samples, divided over the families as evenly as they allow.
        n_val: validation samples.
        n_test: test samples.
        seq_len: points per signal, and so the number of features.
        noise: standard deviation of the noise.
        families: names from `FAMILIES`; their order numbers the classes.
        batch_size: samples per optimizer step over all processes.
        scaling: what to fit on the training features.

    Raises:
        InvalidSetting: for any of these out of range; the message names the key.
    """

    def __init__(
        self,
        seed: int,
        n_train: int = 8000,
        n_val: int = 2000,
        n_test: int = 10000,
        seq_len: int = 32,
        noise: float = 0.08,
        families: Sequence[str] = FAMILY_NAMES,
        batch_size: int = 128,
        scaling: Scaling | None = None,
    ) -> None:
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        super().__init__(
            seed, batch_size, sizes, ("family", len(families)), scaling or Standardize()
        )
        self._families = [known_family(name) for name in families]
        self._seq_len = seq_len
        self._noise = noise
        _check_families(self._families, seq_len)
        require_noise("noise", noise)

    @property
    def in_dim(self) -> int:
        """Points per signal."""
        return self._seq_len

    @property
    def classes(self) -> list[str]:
        """The names of the families: here the class is the family."""
        return self.families

    @property
    def families(self) -> list[str]:
        """The names given, in their order."""
        return [family.name for family in self._families]

    def ceiling(self) -> Ceiling | None:
        """By the exact likelihood of fresh signals, before scaling, which loses nothing."""
        if not answerable(self._seq_len, self._noise):
            return None
        x = self.draw(SAMPLES, self.stream("data", "ceiling")).x
        joint = []
        for family in self._families:
            if family.likelihood is None:
                return None
            logs = family.likelihood(x, self._noise * family.noise_scale)
            if logs is None:
                return None
            joint.append(logs)
        return bayes_ceiling(torch.cat(joint, 1))

    def draw(self, n: int, generator: Generator) -> Samples:
        """As evenly divided over the families as whole numbers allow, in random order."""
        return make_signals(n, self._families, self._seq_len, self._noise, generator)


def known_family(name: str) -> Family:
    """The family of that name.

    Raises:
        InvalidSetting: if there is none; the message suggests the nearest.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    near = get_close_matches(str(name), FAMILIES, n=1, cutoff=0.0)[0]
    raise InvalidSetting(
        f"data.families has no {name!r}: did you mean {near!r}? Known are {', '.join(FAMILIES)}"
    )


def _check_families(families: Sequence[Family], seq_len: int) -> None:
    """Raises InvalidSetting unless there are two distinct families or more that fit `seq_len`."""
    names = [family.name for family in families]
    if len(set(names)) < len(names) or len(names) < 2:
        raise InvalidSetting(f"data.families={names} must name two or more different families")
    longest = min(families, key=lambda family: family.longest)
    if not SHORTEST <= seq_len <= longest.longest:
        raise InvalidSetting(
            f"data.seq_len={seq_len} must be in [{SHORTEST}, {longest.longest}], "
            f"the upper end for {longest.name!r}"
        )
