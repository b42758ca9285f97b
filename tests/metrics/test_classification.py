import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from torch.nn import functional as F
from torchmetrics.functional.classification import multiclass_calibration_error

from triptych.metrics import ClassificationMetrics, LossAccuracy
from triptych.metrics.classification import CALIBRATION_BINS

from .batches import CLASSES, FAMILIES, answers, classification


@given(st.integers(1, 80), st.integers(0, 99))
def test_quality_is_that_of_scikit_learn(samples, seed):
    logits, y, family = answers(samples, seed)
    metrics = classification((logits, y, family))
    guess = logits.argmax(dim=1)
    scalars = metrics.scalars()
    assert scalars["acc"] == pytest.approx(accuracy_score(y, guess))
    assert scalars["f1"] == pytest.approx(f1_score(y, guess, average="macro"), abs=1e-6)
    assert scalars["loss"] == pytest.approx(float(F.cross_entropy(logits, y)), rel=1e-5)
    wanted = confusion_matrix(y, guess, labels=range(CLASSES)).tolist()
    assert metrics.tables()["confusion"] == wanted
    for g in range(FAMILIES):
        right = (guess == y)[family == g]
        value = scalars[f"acc/family/family {g}"]
        assert math.isnan(value) if len(right) == 0 else value == right.double().mean()


def test_a_single_family_has_the_accuracy_of_all():
    metrics = ClassificationMetrics(2, ["all"])
    y, family = torch.tensor([0, 1, 1, 1]), torch.zeros(4, dtype=torch.long)
    logits = F.one_hot(torch.tensor([0, 1, 1, 0]), 2).float()
    metrics.update(logits, y, family, F.cross_entropy(logits, y, reduction="sum"))
    assert metrics.scalars()["acc/family/all"] == metrics.scalars()["acc"] == 0.75


@given(st.integers(1, 200), st.integers(0, 99), st.sampled_from([1.0, 4.0, 60.0]))
def test_the_calibration_error_is_what_the_reliability_bins_say(samples, seed, sharpness):
    """Also for a net so sure that single precision says exactly 1."""
    metrics = classification(answers(samples, seed, sharpness))
    bins = metrics.tables()["calibration"]
    assert sum(bins["count"]) == samples
    assert len(bins["count"]) == CALIBRATION_BINS
    gaps = [
        n / samples * abs(right - sure)
        for n, right, sure in zip(bins["count"], bins["accuracy"], bins["confidence"], strict=True)
        if n
    ]
    assert metrics.scalars()["ece"] == pytest.approx(sum(gaps), abs=1e-6)


def test_a_confidence_of_exactly_one_belongs_to_the_last_bin():
    """Four are right at .95, one is wrong at 1: one bin, of accuracy .8 and confidence .96."""
    probs = torch.tensor([[0.95, 0.05, 0.0, 0.0]] * 4 + [[1.0, 0.0, 0.0, 0.0]])
    y, family = torch.tensor([0, 0, 0, 0, 1]), torch.zeros(5, dtype=torch.long)
    metrics = classification((probs.log(), y, family))
    assert metrics.tables()["calibration"]["count"] == [0] * 14 + [5]
    assert metrics.scalars()["ece"] == pytest.approx(0.16)


@given(st.integers(1, 80), st.integers(0, 99))
def test_the_calibration_error_is_that_of_torchmetrics(samples, seed):
    logits, y, family = answers(samples, seed)
    wanted = multiclass_calibration_error(logits.softmax(1), y, CLASSES, CALIBRATION_BINS)
    found = classification((logits, y, family)).scalars()["ece"]
    assert found == pytest.approx(float(wanted), abs=1e-6)


def test_the_reliability_of_a_small_case():
    # Confidences .9 (right), .9 (wrong), .4 (right), in bins 13 and 6 of 15.
    probs = torch.tensor([[0.9, 0.05, 0.05, 0.0], [0.05, 0.9, 0.05, 0.0], [0.4, 0.3, 0.2, 0.1]])
    y, family = torch.tensor([0, 0, 0]), torch.tensor([0, 0, 0])
    bins = classification((probs.log(), y, family)).tables()["calibration"]
    assert bins["count"] == [0] * 6 + [1] + [0] * 6 + [2, 0]
    assert (bins["accuracy"][13], bins["accuracy"][6]) == (0.5, 1.0)
    assert bins["confidence"][13] == pytest.approx(0.9)
    assert math.isnan(bins["accuracy"][0])


@given(st.integers(2, 40), st.integers(1, 39))
def test_batches_in_any_split_give_the_same(samples, cut):
    cut = min(cut, samples - 1)
    whole = answers(samples)
    halves = [tuple(part[rows] for part in whole) for rows in (slice(0, cut), slice(cut, None))]
    once, twice = classification(whole), classification(*halves)
    assert twice.scalars() == pytest.approx(once.scalars(), nan_ok=True, rel=1e-5)
    for key, table in once.tables().items():
        assert repr(table) == repr(twice.tables()[key]) or key == "calibration"
    counts = [m.tables()["calibration"]["count"] for m in (once, twice)]
    assert counts[0] == counts[1]


def test_a_reset_forgets_everything():
    metrics, fresh = classification(answers(30, seed=1)), classification(answers(20))
    metrics.scalars(), metrics.tables()
    metrics.reset()
    logits, y, family = answers(20)
    metrics.update(logits, y, family, F.cross_entropy(logits, y, reduction="sum"))
    assert repr(metrics.scalars()) == repr(fresh.scalars())
    assert repr(metrics.tables()) == repr(fresh.tables())


def test_no_state_grows_with_the_number_of_samples():
    def size(samples: int) -> int:
        metrics = classification(*(answers(50, seed) for seed in range(samples // 50)))
        states = (state for m in metrics.children() for state in m.metric_state.values())
        return sum(state.numel() for state in states)

    assert size(50) == size(500)


def test_every_sample_weighs_the_same_also_in_a_short_last_batch():
    pair = LossAccuracy()
    pair.update(torch.tensor(8.0), torch.tensor(4), 4)
    pair.update(torch.tensor(0.0), torch.tensor(0), 1)
    assert pair.compute() == pytest.approx({"loss": 1.6, "acc": 0.8})
