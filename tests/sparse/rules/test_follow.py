"""Averages of weights whose places move, against sums over the whole history of each place."""

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn

from triptych.sparse import (
    SET,
    CSRLinear,
    MaskedLinear,
    Pruning,
    SparseLinear,
    View,
    constant,
    follow,
    move,
    uniform_mask,
    zero_state,
)

from ..averages import EQUAL, ema, of_last_lives


def stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def two(kernel: type[SparseLinear], seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    masks = [uniform_mask(6, 6, 0.5, stream(seed + i)) for i in range(2)]
    return nn.Sequential(*(kernel(mask) for mask in masks)).double()


def change(
    net: nn.Sequential, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> None:
    """A third of the weights of each layer move."""
    rule = SET(every=1, until=1.0, drop=0.34, fall=constant)
    for layer in net:
        assert isinstance(layer, SparseLinear)
        seen = View(layer.matrix(), layer.mask.clone(), None, generator)
        (new,) = rule.update([seen], 0.0)
        move(layer, new, optimizer, zero_state, None)


@pytest.mark.parametrize("kernel", [MaskedLinear, CSRLinear])
@pytest.mark.parametrize("kind", ["equal", "ema", "ema at once"])
@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))  # shrinking takes minutes
@given(seed=st.integers(0, 1000), every=st.integers(1, 5), start=st.integers(0, 6))
def test_the_average_of_a_weight_is_over_its_last_life_and_nowhere_else(
    kernel, kind, seed, every, start
):
    """Also where averaging starts late, and where masks change between two averages."""
    recipes = {
        "equal": ({}, EQUAL),
        "ema": ({"avg_fn": get_ema_avg_fn(0.8)}, ema(0.8)),
        "ema at once": ({"multi_avg_fn": get_ema_multi_avg_fn(0.8)}, ema(0.8)),
    }
    recipe, shares = recipes[kind]
    net, generator = two(kernel, seed), stream(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    average = AveragedModel(net, **recipe)
    weights: list[list[Tensor]] = []
    masks: list[list[Tensor]] = []
    averaged: list[bool] = []
    for step in range(10):
        optimizer.zero_grad()
        net(torch.randn(5, 6, generator=generator, dtype=torch.double)).square().sum().backward()
        optimizer.step()
        if step % every == every - 1:
            change(net, optimizer, generator)
            follow(average.module, net)
        averaged.append(step >= start and step % 2 == 0)
        if averaged[-1]:
            average.update_parameters(net)
        weights.append([layer.matrix() for layer in net])
        masks.append([layer.mask.clone() for layer in net])
    for index, (layer, copy) in enumerate(zip(net, average.module, strict=True)):
        assert torch.equal(copy.mask, layer.mask)
        assert copy.nonzeros == layer.nonzeros == 18
        mine = ([part[index] for part in history] for history in (weights, masks))
        wanted = of_last_lives(*mine, averaged, shares)
        torch.testing.assert_close(copy.matrix(), wanted, rtol=1e-12, atol=1e-14)
        assert torch.count_nonzero(copy.weights) == torch.count_nonzero(copy.matrix())


def test_places_in_32_bits_survive_averaging_only_if_they_are_copied():
    """What `use_buffers=True` does to them: 0.9999 n + 0.0001 n can be just below n."""
    net = nn.Sequential(CSRLinear(torch.ones(1, 300, dtype=torch.bool)))
    for use_buffers in (False, True):
        average = AveragedModel(net, avg_fn=get_ema_avg_fn(0.9999), use_buffers=use_buffers)
        for _ in range(3):
            average.update_parameters(net)
        assert torch.equal(average.module[0].columns, net[0].columns) is not use_buffers


def test_an_average_follows_masks_that_lose_weights():
    net = two(MaskedLinear, 0)
    average = AveragedModel(net)
    average.update_parameters(net)
    before = average.module[0].matrix()
    rule = Pruning(every=1, until=0.5, initial=0.5, final=0.75)
    (new,) = rule.update([View(net[0].matrix(), net[0].mask, None, stream(0))], 1.0)
    move(net[0], new, torch.optim.SGD(net.parameters()), zero_state, None)
    follow(average.module, net)
    assert average.module[0].nonzeros == 9
    assert torch.equal(average.module[0].matrix(), torch.where(new, before, 0.0))
    assert torch.equal(average.module[1].matrix(), net[1].matrix())


def test_a_layer_that_stands_at_two_places_is_followed_once():
    torch.manual_seed(0)
    layer = MaskedLinear(uniform_mask(6, 6, 0.5, stream(0)))
    net = nn.Sequential(layer, nn.ReLU(), layer)
    average = AveragedModel(net)
    average.update_parameters(net)
    change(nn.Sequential(layer), torch.optim.SGD(net.parameters()), stream(1))
    follow(average.module, net)
    assert average.module[0] is average.module[2]
    assert torch.equal(average.module[2].mask, layer.mask)
    assert torch.equal(average.module[2].matrix(), layer.matrix())
