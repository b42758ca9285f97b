import pytest
import torch

from triptych.moe import LinearScores, MoE, SoftmaxTopK, Specialists, loop_dispatch
from triptych.types import Cost

from .cases import Shape, layer, tokens


def test_the_decision_is_returned_beside_the_output_and_kept_nowhere():
    shape = Shape(6, 3, 2, 4, 4, 2, 0)
    moe, x = layer(shape), tokens(shape)
    before = set(vars(moe)) | set(vars(moe.router))
    y, decision = moe(x)
    assert y.shape == (6, 2)
    assert torch.equal(decision.probs, moe.router(x).probs)
    assert set(vars(moe)) | set(vars(moe.router)) == before


def test_a_token_pays_for_its_experts_and_no_others():
    """N5 of the source study: its count ignored k and took soft probabilities for choices."""
    moe = MoE(
        SoftmaxTopK(32, 4, top_k=2, scores=LinearScores),
        Specialists(4, 32, 4, d_hidden=80, dropout=0.0),
        loop_dispatch,
    )
    router = Cost(128, 128, 256, 256)
    for share, active in [([1.0, 0.0, 1.0, 0.0], 2 * 6044), ([0.0, 1.0, 1.0, 0.0], 12524 + 6044)]:
        cost = moe.cost(router, share)
        assert cost.params_active == 128 + active
        assert cost.params_total == 128 + 3 * 6044 + 12524
    assert moe.uniform_share() == [0.5] * 4
    assert moe.cost(router, moe.uniform_share()).params_active == 128 + (3 * 6044 + 12524) / 2


def test_shares_must_name_every_expert():
    with pytest.raises(ValueError, match="zip"):
        layer(Shape(6, 3, 2, 4, 4, 2, 0)).cost(Cost(), [1.0, 1.0])


def test_a_state_dict_brings_back_the_whole_layer():
    shape = Shape(6, 3, 2, 4, 4, 2, 0)
    moe, x = layer(shape), tokens(shape)
    other = layer(Shape(6, 3, 2, 4, 4, 2, 1))
    assert not torch.equal(other(x)[0], moe(x)[0])
    other.load_state_dict(moe.state_dict())
    assert torch.equal(other(x)[0], moe(x)[0])
