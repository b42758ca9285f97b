import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.moe import MoE, SoftMoE, SoftRouter, Specialists, StackedMLP

EXPERTS, WIDTH, OUT = 3, 4, 2


def made(slots: int, bank: type[StackedMLP] | type[Specialists] = StackedMLP) -> SoftMoE:
    torch.manual_seed(0)
    experts = bank(EXPERTS, WIDTH, OUT, d_hidden=5, dropout=0.0)
    layer = SoftMoE(WIDTH, experts, slots=slots).double()
    with torch.no_grad():
        layer.scores.scale.fill_(3.0)
    return layer


def sequences(batch: int, length: int) -> Tensor:
    generator = torch.Generator().manual_seed(batch + length)
    return torch.randn(batch, length, WIDTH, generator=generator, dtype=torch.double)


@pytest.mark.parametrize("bank", [StackedMLP, Specialists])
def test_a_sequence_of_one_token_is_a_layer_with_a_soft_router(bank):
    soft = made(1, bank)
    router = SoftRouter(WIDTH, EXPERTS).double()
    router.scores.load_state_dict(soft.scores.state_dict())
    x = sequences(7, 1)
    ours, decision = soft(x)
    theirs, wanted = MoE(router, soft.experts)(x)
    torch.testing.assert_close(ours, theirs)
    assert torch.equal(decision.experts, wanted.experts)
    for name in ("gates", "probs"):
        torch.testing.assert_close(getattr(decision, name), getattr(wanted, name))
    assert decision.sequences == wanted.sequences == 7


def test_each_slot_sees_a_mixture_of_tokens_and_each_token_a_mixture_of_slots():
    layer, x = made(2), sequences(1, 5)
    experts = layer.experts.each()
    logits = layer.scores(x[0])  # (S, 6): slots 0 and 1 are of expert 0, ...
    y = torch.zeros(5, OUT, dtype=torch.double)
    for slot in range(6):
        weights = torch.softmax(logits[:, slot], dim=0)
        seen = sum(w * token for w, token in zip(weights, x[0], strict=True))
        answer = experts[slot // 2](seen[None])[0]
        for token in range(5):
            y[token] += torch.softmax(logits[token], dim=0)[slot] * answer
    torch.testing.assert_close(layer(x)[0][0], y)


def test_the_decision_tells_the_share_of_each_expert_in_each_token():
    layer, x = made(2), sequences(2, 5)
    decision = layer(x)[1]
    shares = torch.softmax(layer.scores(x.view(10, WIDTH)), dim=1).view(10, EXPERTS, 2).sum(dim=2)
    torch.testing.assert_close(decision.probs, shares)
    torch.testing.assert_close(decision.gates, shares.gather(1, decision.experts))
    assert decision.load().tolist() == [10] * EXPERTS
    assert decision.sequences == 2


def test_sequences_do_not_meet_and_the_order_of_tokens_does_not_matter():
    layer, x = made(2), sequences(3, 5)
    y, _ = layer(x)
    torch.testing.assert_close(torch.cat([layer(part[None])[0] for part in x]), y)
    torch.testing.assert_close(layer(x.flip(1))[0], y.flip(1))


@settings(max_examples=20)
@given(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3), st.integers(1, 2))
def test_padding_changes_nothing_for_real_tokens(batch, length, padding, slots):
    layer, x = made(slots), sequences(batch, length)
    longer = torch.cat([x, 100 * sequences(batch, padding)], dim=1)
    valid = (torch.arange(length + padding) < length).expand(batch, -1)
    y, decision = layer(longer, valid)
    torch.testing.assert_close(y[:, :length], layer(x)[0])
    assert not y[:, length:].any()
    assert decision.load().tolist() == [batch * length] * EXPERTS
    assert not decision.gates[~valid.reshape(-1)].any()


def test_a_sequence_of_padding_alone_gives_zeros_and_gradients_that_are_numbers():
    layer, x = made(2), sequences(2, 3).requires_grad_()
    valid = torch.tensor([[True, True, False], [False, False, False]])
    y, _ = layer(x, valid)
    y.square().sum().backward()
    assert not y[1].any()
    assert x.grad[0, :2].any()
    assert not x.grad[~valid].any()
    for name, parameter in layer.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name


def test_half_precision_mixes_by_weights_in_single():
    layer = made(2).bfloat16()
    y, decision = layer(sequences(2, 3).bfloat16())
    assert y.dtype == torch.bfloat16
    assert decision.gates.dtype == decision.probs.dtype == torch.float32


def test_no_slots_are_refused():
    with pytest.raises(InvalidSetting, match="slots per expert must be at least 1, got 0"):
        made(0)
