"""Clipping on a CPU is that of torch to the last bit."""

import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision, Precision
from lightning.pytorch.plugins.precision import FSDPPrecision
from torch import nn

from triptych.training.clipping import clip_on_cpu, has_no_way_of_its_own


def with_gradients(size: float) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3), nn.Linear(3, 1))
    for parameter in list(net.parameters())[:-1]:  # the last has none
        parameter.grad = torch.randn_like(parameter)
    norm = float(nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None]))
    for parameter in list(net.parameters())[:-1]:
        assert parameter.grad is not None
        parameter.grad *= size / norm
    return net, torch.optim.SGD([{"params": net[0].parameters()}, {"params": net[1:].parameters()}])


@pytest.mark.parametrize("size", [0.0, 0.01, 0.4999985, 0.4999995, 0.5, 0.5000005, 0.51, 1e4])
def test_it_is_torch_s(size: float) -> None:
    ours, optimizer = with_gradients(size)
    theirs, _ = with_gradients(size)
    clip_on_cpu(optimizer, 0.5)
    nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or torch.equal(one.grad, other.grad)  # pyright: ignore


def test_gradients_that_are_no_numbers_do_to_all_what_torch_lets_them_do() -> None:
    net, optimizer = with_gradients(1.0)
    first = next(net.parameters()).grad
    assert first is not None
    first[0, 0] = float("nan")
    clip_on_cpu(optimizer, 0.5)
    assert all(p.grad.isnan().all() for p in net.parameters() if p.grad is not None)


def test_without_any_gradient_there_is_nothing_to_do() -> None:
    clip_on_cpu(torch.optim.SGD(nn.Linear(2, 2).parameters()), 0.5)


def test_plugins_that_clip_otherwise_are_known() -> None:
    assert has_no_way_of_its_own(Precision())
    assert not has_no_way_of_its_own(MixedPrecision("bf16-mixed", "cpu"))
    assert not has_no_way_of_its_own(FSDPPrecision("32-true"))
