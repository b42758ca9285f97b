import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from triptych.errors import InvalidSetting
from triptych.moe import SinkhornTopK
from triptych.moe.routers.sinkhorn import column_potentials

from ..cases import reading_logits, rows

DOUBLE = torch.double


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 100))
def test_the_normalised_matrix_has_equal_rows_and_equal_columns(tokens, experts, seed):
    logits = 3 * torch.randn(tokens, experts, dtype=DOUBLE, generator=seeded(seed))
    potentials = column_potentials(logits, None, iterations=2000)
    share = torch.softmax(logits - potentials, dim=1)  # rows sum to 1
    wanted = torch.full((experts,), tokens / experts, dtype=DOUBLE)
    torch.testing.assert_close(share.sum(dim=0), wanted, rtol=1e-3, atol=1e-3)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_lead_that_an_expert_has_for_all_tokens_does_not_count_in_training():
    logits = rows([5.0, 1.0], [5.0, 0.0], [5.0, -1.0], [5.0, -2.0])
    router = reading_logits(SinkhornTopK(2, 2, top_k=1, iterations=50))
    assert router(logits).experts.flatten().tolist() == [1, 1, 0, 0]
    assert router.eval()(logits).experts.flatten().tolist() == [0, 0, 0, 0]


def test_huge_scores_do_not_overflow():
    router = reading_logits(SinkhornTopK(2, 2, top_k=1, iterations=50)).float()
    logits = torch.tensor([[500.0, 0.0], [400.0, 0.0], [0.0, 0.0], [-90.0, 0.0]])
    assert router(logits).load().tolist() == [2, 2]


@pytest.mark.parametrize("training", [True, False])
def test_gates_are_sigmoids_for_one_expert_and_probabilities_for_several(training):
    logits = torch.randn(9, 4, dtype=DOUBLE, generator=seeded(0))
    one = reading_logits(SinkhornTopK(4, 4, top_k=1, iterations=8)).train(training)(logits)
    torch.testing.assert_close(one.gates, torch.sigmoid(logits).gather(1, one.experts))
    two = reading_logits(SinkhornTopK(4, 4, top_k=2, iterations=8)).train(training)(logits)
    torch.testing.assert_close(two.gates, torch.softmax(logits, dim=1).gather(1, two.experts))


def test_it_evens_a_skewed_load_in_training():
    logits = torch.randn(512, 8, dtype=DOUBLE, generator=seeded(0)) + torch.arange(8) / 2
    router = reading_logits(SinkhornTopK(8, 8, top_k=1, iterations=8))
    load = router(logits).load()
    assert int(load.max()) < 1.3 * 64
    assert int(router.eval()(logits).load().max()) > 3 * 64


def test_a_number_of_iterations_that_cannot_be_is_named():
    with pytest.raises(InvalidSetting, match="iterations of Sinkhorn must be at least 1, got 0"):
        SinkhornTopK(4, 4, top_k=1, iterations=0)
