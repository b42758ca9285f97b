import pytest
import torch

from triptych.errors import InvalidSetting
from triptych.moe import MoE, SingleExpert, SoftmaxTopK, Specialists, StackedMLP


@pytest.mark.parametrize("bank", [StackedMLP, Specialists])
def test_a_single_expert_is_a_mixture_of_one(bank) -> None:
    experts, x = bank(1, 5, 3, d_hidden=4, dropout=0.0), torch.randn(6, 5)
    single = SingleExpert(experts)
    torch.testing.assert_close(single(x), MoE(SoftmaxTopK(5, 1, top_k=1), experts)(x)[0])
    assert single.cost() == experts.costs()[0]
    assert single.cost().params_total == sum(p.numel() for p in single.parameters())


def test_of_several_none_is_the_single_one() -> None:
    with pytest.raises(InvalidSetting, match="got 2 experts"):
        SingleExpert(StackedMLP(2, 5, 3, d_hidden=4))
