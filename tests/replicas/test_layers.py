"""Layers of R replicas against the layers that they stand for."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import nn

from triptych.dropout import Dropout
from triptych.replicas import Chances, StackedMasked, link, stack
from triptych.sparse import MaskedLinear, uniform_mask

from .twins import Twins

R = 3


def linear(bias: bool) -> nn.Module:
    return nn.Linear(5, 4, bias=bias)


def norm() -> nn.Module:
    made = nn.LayerNorm(5, eps=1e-3)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter))
    return made


def masked(r: int = 0) -> MaskedLinear:
    return MaskedLinear(uniform_mask(4, 5, 0.3 + 0.2 * r, torch.Generator().manual_seed(r)))


LAYERS: dict[str, Callable[[], Sequence[nn.Module]]] = {
    "linear": lambda: [linear(True) for _ in range(R)],
    "linear without bias": lambda: [linear(False) for _ in range(R)],
    "norm": lambda: [norm() for _ in range(R)],
    "dropout": lambda: [Dropout(0.4) for _ in range(R)],
    "dropout of other probabilities": lambda: [Dropout(p) for p in (0.0, 0.2, 0.7)],
    "masked": lambda: [masked(r) for r in range(R)],
}


@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("shape", [(7, 5), (2, 3, 5)], ids=["rows", "sequences"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_stack_of_layers_does_what_each_does(name: str, shape: tuple[int, ...], train: bool):
    torch.manual_seed(0)
    Twins(LAYERS[name]()).train(train).check(*shape)


def test_weights_outside_of_a_mask_have_no_gradient():
    torch.manual_seed(0)
    twins = Twins(LAYERS["masked"]())
    twins.stacked(torch.randn(R, 7, 5, dtype=torch.double)).sum().backward()
    assert isinstance(twins.stacked, StackedMasked)
    assert twins.stacked.weight.grad is not None
    assert not twins.stacked.weight.grad[~twins.stacked.live].any()


def test_each_replica_gets_the_gradient_of_all_places_that_its_own_probe_would_collect():
    """Over two backward passes, and only where one was asked for."""
    torch.manual_seed(0)
    twins = Twins(LAYERS["masked"]())
    for layers in (twins.members, twins.alone):
        for layer in layers[:2]:
            layer.start_probe()
    for _ in range(2):
        x = torch.randn(R, 7, 5, dtype=torch.double)
        twins.stacked(x).square().sum().backward()
        twins.stacked.hand_gradients()
        for part, layer in zip(x, twins.alone, strict=True):
            layer(part).square().sum().backward()
    for one, other in zip(twins.members[:2], twins.alone[:2], strict=True):
        collected, expected = one.take_probe(), other.take_probe()
        assert expected[~other.live].all()
        torch.testing.assert_close(collected, expected, rtol=1e-12, atol=1e-12)
    assert twins.members[2].probe is None


def test_a_mask_that_a_replica_changes_is_that_of_the_stack():
    torch.manual_seed(0)
    members = [masked(r) for r in range(R)]
    stacked = stack(members, Chances())
    link(stacked)
    members[1].place(torch.ones(4, 5, dtype=torch.bool))
    assert stacked.live[1].all()
    assert [layer.nonzeros for layer in members] == [14, 20, 6]
