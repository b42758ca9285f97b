import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from triptych.errors import InvalidSetting
from triptych.models import BigDensePanel, DensePanel
from triptych.moe import MoE

from ..built import network


def weights(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters() if p.ndim > 1)


def test_a_block_has_the_weights_of_all_experts_of_the_mixture() -> None:
    for sizes in ((), ("model.num_experts=3", "model.d_hidden=5")):
        big, moe = network("model=big_dense", *sizes), network("model=moe", *sizes)
        experts = [m.experts for m in moe.modules() if isinstance(m, MoE)]
        matrices = sum(
            p.numel() for e in experts for name, p in e.named_parameters() if "bias" not in name
        )
        assert weights(big.get_submodule("blocks")) == matrices > 0


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 30), st.integers(1, 9))
def test_no_other_width_of_a_whole_net_is_nearer(d_hidden, experts, d_in, classes) -> None:
    wanted = max(d_hidden * experts, 2) * (d_in + classes)
    miss = abs(weights(BigDensePanel(d_hidden, experts, 0.0).net(d_in, classes)) - wanted)
    others = (DensePanel(h, 0.0).net(d_in, classes) for h in range(2, 60))
    assert miss <= min(abs(weights(other) - wanted) for other in others)


def test_what_no_net_can_be_is_refused_at_once() -> None:
    for sizes, message in (((0, 2, 0.0), "d_hidden"), ((4, 0, 0.0), "num_experts")):
        with pytest.raises(InvalidSetting, match=message):
            BigDensePanel(*sizes)
