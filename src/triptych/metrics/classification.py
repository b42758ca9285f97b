"""Quality of a classifier on one split: loss, accuracy, F1, confusion, calibration, per family."""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassF1Score

CALIBRATION_BINS = 15


@final
class LossAccuracy(Metric):
    """Mean cross entropy and accuracy over samples, from sums: the cheap pair of every epoch."""

    full_state_update = False
    loss: Tensor
    correct: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("loss", torch.zeros((), dtype=torch.double), dist_reduce_fx="sum")
        self.add_state("correct", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, loss: Tensor, correct: Tensor, count: int) -> None:
        """Adds a sum of losses, a number of right answers and the number of samples."""
        self.loss += loss.double()
        self.correct += correct.long()
        self.count += count

    def compute(self) -> dict[str, float]:
        """Mean loss in nats, accuracy in [0, 1]."""
        count = self.count.clamp(min=1)
        return {"loss": float(self.loss / count), "acc": float(self.correct / count)}


@final
class GroupedAccuracy(Metric):
    """Accuracy within each family; NaN for a family without samples."""

    full_state_update = False
    correct: Tensor
    count: Tensor

    def __init__(self, families: int) -> None:
        super().__init__()
        for name in ("correct", "count"):
            zeros = torch.zeros(families, dtype=torch.long)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, right: Tensor, family: Tensor) -> None:
        """Adds a batch: whether each answer is right, and the family of each sample, (B)."""
        self.count += torch.bincount(family, minlength=len(self.count))
        self.correct += torch.bincount(family[right], minlength=len(self.count))

    def compute(self) -> list[float]:
        """(G), as a list: torchmetrics unpacks a tensor of one number."""
        return (self.correct.double() / self.count).tolist()


@final
class Reliability(Metric):
    """Confidence against accuracy in equal bins over [0, 1]: the reliability diagram's data."""

    full_state_update = False
    count: Tensor
    correct: Tensor
    confidence: Tensor

    def __init__(self, bins: int = CALIBRATION_BINS) -> None:
        super().__init__()
        for name in ("count", "correct"):
            self.add_state(name, torch.zeros(bins, dtype=torch.long), dist_reduce_fx="sum")
        zeros = torch.zeros(bins, dtype=torch.double)
        self.add_state("confidence", zeros, dist_reduce_fx="sum")

    def update(self, confidence: Tensor, right: Tensor) -> None:
        """Adds a batch: the largest probability of each sample, and whether it was right, (B)."""
        bins = len(self.count)
        place = (confidence * bins).long().clamp(max=bins - 1)
        self.count += torch.bincount(place, minlength=bins)
        self.correct += torch.bincount(place[right], minlength=bins)
        self.confidence.index_add_(0, place, confidence.double())

    def compute(self) -> dict[str, list[float]]:
        """Per bin: samples, accuracy and mean confidence; NaN where a bin is empty."""
        return {
            "count": self.count.tolist(),
            "accuracy": (self.correct.double() / self.count).tolist(),
            "confidence": (self.confidence / self.count).tolist(),
        }


def calibration_error(bins: Mapping[str, Sequence[float]]) -> float:
    """Mean distance of confidence and accuracy over samples, from the bins of `Reliability`.

    The expected calibration error of Guo et al. 2017, arXiv 1706.04599, eq. 3. Taken from the very
    bins that the reliability diagram shows, so that the two cannot disagree.
    """
    columns = (bins[key] for key in ("count", "accuracy", "confidence"))
    gaps = [n * abs(right - sure) for n, right, sure in zip(*columns, strict=True) if n]
    return sum(gaps) / max(sum(bins["count"]), 1)


@final
class ClassificationMetrics(nn.Module):
    """Everything that is said about a classifier's answers on the test split.

    Args:
        classes: C.
        families: names of the groups that accuracy is also given for.
    """

    def __init__(self, classes: int, families: Sequence[str]) -> None:
        super().__init__()
        self.families = list(families)
        self.mean = LossAccuracy()
        self.f1 = MulticlassF1Score(classes, average="macro")
        self.confusion = MulticlassConfusionMatrix(classes)
        self.by_family = GroupedAccuracy(len(self.families))
        self.reliability = Reliability()

    def update(self, logits: Tensor, y: Tensor, family: Tensor, loss: Tensor) -> None:
        """Adds a batch: logits (B, C), class and family (B), and the sum of its losses."""
        probs = torch.softmax(logits, dim=-1)
        right = probs.argmax(dim=-1) == y
        self.mean.update(loss, right.sum(), len(y))
        self.f1.update(probs, y)
        self.confusion.update(probs, y)
        self.by_family.update(right, family)
        self.reliability.update(probs.max(dim=-1).values, right)

    def scalars(self) -> dict[str, float]:
        """loss, acc, f1, ece and acc/family/<name>."""
        f1, ece = float(self.f1.compute()), calibration_error(self.reliability.compute())
        by_family = self.by_family.compute()
        return (
            self.mean.compute()
            | {"f1": f1, "ece": ece}
            | {
                f"acc/family/{name}": value
                for name, value in zip(self.families, by_family, strict=True)
            }
        )

    def tables(self) -> dict[str, object]:
        """Confusion counts (rows are true classes) and the reliability bins."""
        return {
            "confusion": self.confusion.compute().tolist(),
            "calibration": self.reliability.compute(),
        }

    def reset(self) -> None:
        """Forgets everything."""
        for metric in (self.mean, self.f1, self.confusion, self.by_family, self.reliability):
            metric.reset()
