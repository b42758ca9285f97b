import copy
import pickle

import torch

from triptych.sparse.kernels.derived import Derived


def counted(derived: Derived[float], *tensors: torch.Tensor) -> list[float]:
    """What is made in three calls."""
    made: list[float] = []

    def make() -> float:
        made.append(sum(float(t.sum()) for t in tensors))
        return made[-1]

    for _ in range(3):
        derived.of(make, *tensors)
    return made


def test_a_value_is_made_once_and_again_after_any_tensor_changes():
    derived, a, b = Derived(), torch.ones(2), torch.ones(3)
    assert counted(derived, a, b) == [5.0]
    assert counted(derived, a, b) == []
    b[0] = 3
    assert counted(derived, a, b) == [7.0]
    assert counted(derived, a.clone(), b) == [7.0]  # another tensor, though equal
    assert counted(derived, a) == [2.0]


def test_tensors_that_share_memory_but_not_their_shape_differ():
    derived, a = Derived(), torch.arange(4.0)
    assert counted(derived, a) == [6.0]
    assert counted(derived, a[:2]) == [1.0]


def test_a_tensor_in_the_place_of_another_is_not_taken_for_it():
    derived, total = Derived(), []
    for k in range(20):  # freed memory is handed out again
        total += counted(derived, torch.full((1000,), float(k)))
    assert total == [1000.0 * k for k in range(20)]


def test_copies_begin_without():
    derived, a = Derived(), torch.ones(2)
    counted(derived, a)
    assert copy.deepcopy(derived).kept is None
    assert pickle.loads(pickle.dumps(derived)).kept is None


def test_of_tensors_made_in_inference_mode_nothing_is_kept():
    derived = Derived()
    with torch.inference_mode():
        a = torch.ones(2)
        assert counted(derived, a) == [2.0, 2.0, 2.0]
