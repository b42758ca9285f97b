import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score

from triptych.metrics import normalised_mutual_information


@st.composite
def tables(draw):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    cells = draw(st.lists(st.integers(0, 9), min_size=rows * columns, max_size=rows * columns))
    return np.array(cells).reshape(rows, columns)


@given(tables())
def test_it_is_the_score_of_scikit_learn(table):
    # With one family and one expert alone scikit-learn says 1, we say 0: nothing is shared.
    assume(table.sum() > 0)
    assume((table.sum(0) > 0).sum() > 1 or (table.sum(1) > 0).sum() > 1)
    family, expert = (part.repeat(table.ravel()) for part in np.indices(table.shape).reshape(2, -1))
    wanted = normalized_mutual_info_score(family, expert)
    assert normalised_mutual_information(torch.tensor(table)) == pytest.approx(wanted, abs=1e-9)


@given(tables())
def test_families_and_experts_can_change_places(table):
    value = normalised_mutual_information(torch.tensor(table))
    assert 0 <= value <= 1
    turned = normalised_mutual_information(torch.tensor(table.T.copy()))
    assert turned == pytest.approx(value, abs=1e-9)


def test_independent_choices_share_nothing_whatever_the_load():
    joint = torch.outer(torch.tensor([1, 2, 3]), torch.tensor([4, 1, 1, 2]))
    assert normalised_mutual_information(joint) == pytest.approx(0, abs=1e-12)


def test_one_family_and_one_expert_or_no_samples_share_nothing():
    assert normalised_mutual_information(torch.tensor([[5]])) == 0
    assert normalised_mutual_information(torch.zeros(3, 3)) == 0
