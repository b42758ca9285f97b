"""Many tasks in one: each cluster of samples has a rule of its own."""

from functools import cached_property
from typing import final

from torch import Generator

from triptych.data.ceiling import Ceiling
from triptych.data.cluster_labels import ClusterLabels, KnownClusters
from triptych.data.cluster_task import ClusterTask, draw_axes
from triptych.data.drawn import DrawnData
from triptych.data.ranges import require, require_noise
from triptych.data.scaling import CommonScale, Scaling
from triptych.data.signals import Samples
from triptych.data.teacher import draw_teachers, require_label_noise

CEILING_SAMPLES = 20_000


@final
class ClustersData(DrawnData):
    """Points `x = R z + rho u_k + noise e`; cluster k labels them by its own function of z.

    The class is whether a random network of `teacher_units` tanh units, one for each cluster, is
    above its median. One stream of the seed draws the task (R, u, networks), one each split: a
    new seed is a new task, and the three splits are independent samples of it.

    Args:
        seed: the seed of the run.
        num_clusters: K, how many rules there are to learn.
        teacher_units: m, how hard one rule is; 1 makes it linear.
        rho: distance of each cluster's centre from the origin; the content has variance 1.
        label_noise: probability that a label is wrong, in every split.
        noise: standard deviation of e.
        d_content: length of z.
        d_in: number of features. Up to `d_in - d_content` centres are orthogonal to each other.
        n_train: training samples.
        n_val: validation samples.
        n_test: test samples.
        batch_size: samples per optimizer step over all processes.
        cluster_labels: what the family of a sample says: its cluster, unless told otherwise.
        scaling: what to fit on the training features.

    Raises:
        InvalidSetting: for any of these out of range; the message names the key.
    """

    def __init__(
        self,
        seed: int,
        num_clusters: int = 16,
        teacher_units: int = 1,
        rho: float = 6.0,
        label_noise: float = 0.0,
        noise: float = 0.05,
        d_content: int = 16,
        d_in: int = 32,
        n_train: int = 40_000,
        n_val: int = 2_000,
        n_test: int = 10_000,
        batch_size: int = 128,
        cluster_labels: ClusterLabels | None = None,
        scaling: Scaling | None = None,
    ) -> None:
        sizes = {"train": n_train, "val": n_val, "test": n_test}
        super().__init__(
            seed, batch_size, sizes, ("cluster", num_clusters), scaling or CommonScale()
        )
        require(num_clusters >= 1, "num_clusters", num_clusters, "at least 1")
        require(teacher_units >= 1, "teacher_units", teacher_units, "at least 1")
        require_noise("rho", rho)
        require_noise("noise", noise)
        require_label_noise(label_noise)
        room = f"in [1, {d_in - 1}]: the centres need room in d_in={d_in}"
        require(1 <= d_content < d_in, "d_content", d_content, room)
        self._num_clusters, self._teacher_units = num_clusters, teacher_units
        self._d_content, self._d_in = d_content, d_in
        self._levels = {"rho": rho, "noise": noise, "label_noise": label_noise}
        self._cluster_labels = cluster_labels or KnownClusters()

    @property
    def in_dim(self) -> int:
        """`d_in`."""
        return self._d_in

    @property
    def classes(self) -> list[str]:
        """On which side of its median the network of the cluster is."""
        return ["below", "above"]

    @property
    def families(self) -> list[str]:
        """The clusters."""
        return [f"cluster_{k}" for k in range(self._num_clusters)]

    @cached_property
    def task(self) -> ClusterTask:
        """What all splits share; features are not scaled there."""
        stream = self.task_stream()
        axes = draw_axes(self._num_clusters, self._d_content, self._d_in, stream)
        teachers = draw_teachers(self._num_clusters, self._teacher_units, self._d_content, stream)
        return ClusterTask(*axes, teachers, **self._levels)

    def ceiling(self) -> Ceiling:
        """Below `1 - label_noise`, as `noise` hides on which side of its median a sample is.

        Estimated from the known process. With one unit and centres apart the error without label
        noise is `arctan(noise) / pi`, 1.6 % at the default.
        """
        return self.task.ceiling(CEILING_SAMPLES, self.stream("ceiling"))

    def draw(self, n: int, generator: Generator) -> Samples:
        """Of the task, with the families that are told."""
        samples = self.task.draw(n, generator)
        return samples._replace(family=self._cluster_labels.tell(samples.family, generator))
