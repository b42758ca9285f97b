import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from triptych.errors import InvalidSetting
from triptych.models import DensePanel, Panel, SmallDensePanel, SparsePanel
from triptych.sparse import MaskedLinear, SparseLinear, uniform_masks


def weights(net: nn.Module) -> int:
    """Of all matrices, counted by what exists."""
    layers = list(net.modules())
    dense = sum(m.weight.numel() for m in layers if isinstance(m, nn.Linear))
    return dense + sum(m.nonzeros for m in layers if isinstance(m, SparseLinear))


def sparse(d_hidden: int, sparsity: float) -> Panel:
    return SparsePanel(d_hidden, 0.0, sparsity, uniform_masks, MaskedLinear, 0)


@given(st.integers(8, 80), st.floats(0, 0.95), st.integers(1, 24))
def test_a_block_has_the_weights_of_the_sparse_one_to_half_a_hidden_unit(d_hidden, sparsity, width):
    small = SmallDensePanel(d_hidden, 0.0, sparsity).block(width, "block_0")
    wanted, least = weights(sparse(d_hidden, sparsity).block(width, "block_0")), 4 * width
    assert abs(weights(small) - max(wanted, least)) <= width + 1


@given(st.integers(16, 80), st.floats(0, 0.9))
def test_no_other_width_of_a_whole_net_is_nearer(d_hidden, sparsity):
    wanted = weights(sparse(d_hidden, sparsity).net(20, 4)) - 4 * (d_hidden // 2)
    small = SmallDensePanel(d_hidden, 0.0, sparsity).net(20, 4)
    hidden = next(m for m in small.modules() if isinstance(m, nn.Linear)).out_features
    misses = {
        h: abs(weights(DensePanel(h, 0.0).net(20, 4)) - 4 * (h // 2) - wanted)
        for h in range(max(2, hidden - 2), hidden + 3)
    }
    assert misses[hidden] <= min(misses.values()) + 2  # the sparse one rounds each layer


def test_without_sparsity_it_is_the_dense_panel():
    torch.manual_seed(0)
    small = SmallDensePanel(8, 0.1, 0.0).block(4, "block_0")
    torch.manual_seed(0)
    dense = DensePanel(8, 0.1).block(4, "block_0")
    assert all(map(torch.equal, small.parameters(), dense.parameters()))


def test_what_no_net_can_be_is_refused_at_once():
    for settings, message in (((8, 0.0, 1.0), "sparsity"), ((1, 0.0, 0.5), "d_hidden")):
        with pytest.raises(InvalidSetting, match=message):
            SmallDensePanel(*settings)
