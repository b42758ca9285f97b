import math

import pytest
import torch

from triptych.errors import InvalidSetting
from triptych.moe import BiasTopK

from ..cases import reading_logits, rows


def biased(*bias: float, top_k: int = 1, speed: float = 0.1) -> BiasTopK:
    router = reading_logits(BiasTopK(len(bias), len(bias), top_k=top_k, speed=speed))
    router.bias.copy_(torch.tensor(bias))
    return router


def test_the_bias_moves_choices_and_not_gates():
    ln3 = math.log(3)  # sigmoids .75, .5, .25
    decision = biased(-1.0, 0.0, 0.0, top_k=2)(rows([ln3, 0.0, -ln3]))
    assert decision.experts.tolist() == [[1, 2]]
    torch.testing.assert_close(decision.gates, rows([0.5 / 0.75, 0.25 / 0.75]))
    torch.testing.assert_close(decision.probs, rows([0.75 / 1.5, 0.5 / 1.5, 0.25 / 1.5]))


def test_the_bias_has_no_gradient():
    router = biased(0.3, 0.0, -0.3, top_k=2)
    router.bias.requires_grad_()
    gates = router(torch.randn(7, 3, dtype=torch.double)).gates
    assert torch.autograd.grad(gates.sum(), router.bias, allow_unused=True) == (None,)


def test_the_bias_is_a_state_and_no_weight():
    router = BiasTopK(3, 3, top_k=1, speed=0.1)
    assert "bias" in router.state_dict()
    assert "bias" not in dict(router.named_parameters())


def test_busy_experts_are_lowered_and_idle_ones_lifted_around_a_mean_of_zero():
    router = biased(0.0, 0.0, 0.0, 0.0)
    router.rebalance(torch.tensor([5, 2, 1, 0]))  # mean 2: steps -.1, 0, .1, .1, mean .025
    torch.testing.assert_close(router.bias, rows([-0.125, -0.025, 0.075, 0.075])[0])
    router.rebalance(torch.tensor([3, 3, 3, 3]))
    torch.testing.assert_close(router.bias, rows([-0.125, -0.025, 0.075, 0.075])[0])


@pytest.mark.parametrize("top_k", [1, 2])
def test_a_skewed_stream_becomes_even(top_k):
    torch.manual_seed(0)
    router = reading_logits(BiasTopK(8, 8, top_k=top_k, speed=0.002))
    lead = torch.arange(8) / 4

    def worst() -> float:
        load = router(torch.randn(8192, 8, dtype=torch.double) + lead).load()
        return float(load.max() / load.double().mean())

    assert worst() > 1.5
    for _ in range(300):
        router.rebalance(router(torch.randn(512, 8, dtype=torch.double) + lead).load())
    assert worst() < 1.1


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_leaves_every_bit_of_the_bias(half):
    router = BiasTopK(4, 4, top_k=1, speed=0.001)
    router.rebalance(torch.tensor([9, 1, 1, 1]))
    before = router.bias.clone()
    assert not torch.equal(before.to(half).float(), before)
    router.to(half)
    assert router.scores.linear.weight.dtype == half
    assert router.bias.dtype == torch.float32
    assert torch.equal(router.bias, before)
    assert router.double().bias.dtype == torch.double
    assert torch.equal(router.state_dict()["bias"], before.double())


def test_it_can_be_made_without_memory_and_filled_later():
    with torch.device("meta"):
        router = BiasTopK(4, 4, top_k=1, speed=0.001)
    router.to_empty(device="cpu")
    assert router.bias.device.type == "cpu"


@pytest.mark.parametrize("speed", [-0.1, math.inf, math.nan])
def test_a_speed_that_cannot_be_is_named(speed):
    with pytest.raises(InvalidSetting, match="speed of the bias must not be negative or infinite"):
        BiasTopK(4, 4, top_k=1, speed=speed)
