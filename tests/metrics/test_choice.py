import math

import torch

from triptych.metrics import ChoiceMetrics
from triptych.moe import Routing


def choices(units: list[list[int]], probs: list[list[float]]) -> Routing:
    """Of 2 blocks of 2 units; probabilities within each block."""
    ids, shares = torch.tensor(units), torch.tensor(probs) / 2
    return Routing(ids, torch.ones(ids.shape), shares, shares.log())


def test_units_at_work_units_never_chosen_and_entropy_are_over_all_batches():
    metric = ChoiceMetrics(4, 2)
    metric.update(choices([[0, 2], [0, 3]], [[0.5, 0.5, 0.5, 0.5]] * 2))
    metric.update(choices([[0, 3]], [[1.0, 0.0, 0.5, 0.5]]))
    found = metric.compute()
    assert (found["working"], found["dead_units"]) == (0.5, 1.0)  # unit 1
    # 6 blocks, of which 5 are undecided and one is sure
    assert math.isclose(found["entropy"], 5 / 6, rel_tol=1e-6)


def test_sums_are_forgotten_with_each_evaluation():
    metric = ChoiceMetrics(4, 2)
    metric.update(choices([[0, 2]], [[1.0, 0.0, 1.0, 0.0]]))
    metric.reset()
    metric.update(choices([[1, 3]], [[0.0, 1.0, 0.0, 1.0]]))
    assert metric.chosen.tolist() == [0, 1, 0, 1]
    assert metric.compute() == {"working": 0.5, "dead_units": 2.0, "entropy": 0.0}


def test_blocks_of_one_unit_leave_no_choice():
    metric = ChoiceMetrics(2, 1)
    metric.update(choices([[0, 1]], [[1.0, 1.0]]))
    assert metric.compute() == {"working": 1.0, "dead_units": 0.0, "entropy": 0.0}
