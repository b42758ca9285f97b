"""The data of a theorem on when a mixture of experts beats any single one."""

from functools import cached_property
from typing import final

from torch import Generator

from triptych.data.ceiling import Ceiling
from triptych.data.drawn import DrawnData
from triptych.data.patch_task import PATCHES, PatchTask, Range, draw_directions
from triptych.data.ranges import require, require_noise
from triptych.data.scaling import CommonScale, Scaling
from triptych.data.signals import Samples


@final
class PatchesData(DrawnData):
    """Four patches in random order, after Chen et al. 2022 (arXiv 2208.02813).

    For a class y of -1 or 1 and a cluster k they are `alpha y v_k`, `beta c_k`, noise, and
    `gamma e v_j` with a sign e and a cluster j other than k, both by lot. Which v carries the
    class is told by the patch with c_k alone. Where `alpha` and `gamma` have one range, no sum
    over patches of one function of a patch is right on more than 7/8 of the samples.

    A row of features is the patches one after the other: patch p is
    `x[:, p * d_patch : (p + 1) * d_patch]`, and `x.unflatten(1, (4, d_patch))` is all of them.

    One stream of the seed draws the task (v and c), one each split: a new seed is a new task, and
    the three splits are independent samples of it.

    Args:
        seed: the seed of the run.
        d_patch: features of a patch; v and c need two orthogonal directions for each cluster.
        num_clusters: K.
        alpha: lowest and highest strength of the signal.
        beta: the same of the centre.
        gamma: the same of the other cluster's signal.
        sigma: length of the patch of noise, as a root mean square.
        n_train: training samples.
        n_val: validation samples.
        n_test: test samples.
        batch_size: samples per optimizer step over all processes.
        scaling: what to fit on the training features.

    Raises:
        InvalidSetting: for any of these out of range; the message names the key.
    """

    def __init__(
        self,
        seed: int,
        d_patch: int = 50,
        num_clusters: int = 4,
        alpha: Range = (0.5, 2.0),
        beta: Range = (1.0, 2.0),
        gamma: Range = (0.5, 3.0),
        sigma: float = 1.0,
        n_train: int = 16_000,
        n_val: int = 2_000,
        n_test: int = 16_000,
        batch_size: int = 128,
        scaling: Scaling | None = None,
    ) -> None:
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        super().__init__(
            seed, batch_size, sizes, ("cluster", num_clusters), scaling or CommonScale()
        )
        enough = num_clusters >= 2
        require(enough, "num_clusters", num_clusters, "at least 2: each needs another one")
        room = f"at least {2 * num_clusters}, two for each of num_clusters={num_clusters}"
        require(d_patch >= 2 * num_clusters, "d_patch", d_patch, room)
        self._ranges = {"alpha": alpha, "beta": beta, "gamma": gamma}
        for key, value in self._ranges.items():
            wanted = "two finite numbers above 0, the lower one first"
            require(_is_range(value), key, value, wanted)
        require_noise("sigma", sigma)
        self._d_patch, self._num_clusters, self._sigma = d_patch, num_clusters, sigma

    @property
    def in_dim(self) -> int:
        """`4 * d_patch`."""
        return PATCHES * self._d_patch

    @property
    def classes(self) -> list[str]:
        """The sign of y."""
        return ["negative", "positive"]

    @property
    def families(self) -> list[str]:
        """The clusters."""
        return [f"cluster_{k}" for k in range(self._num_clusters)]

    @cached_property
    def task(self) -> PatchTask:
        """What all splits share; features are not scaled there."""
        directions = draw_directions(self._num_clusters, self._d_patch, self.task_stream())
        return PatchTask(*directions, **self._ranges, sigma=self._sigma)

    def draw(self, n: int, generator: Generator) -> Samples:
        """Of the task."""
        return self.task.draw(n, generator)

    def ceiling(self) -> Ceiling:
        """Exactly 1: noise has a patch of its own, so c_k names the cluster and v_k gives y."""
        return Ceiling(1.0, 0.0)


def _is_range(value: object) -> bool:
    match value:
        case [int() | float() as low, int() | float() as high]:
            return 0 < low <= high < float("inf")
        case _:
            return False
