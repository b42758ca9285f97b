import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from triptych.cost import (
    Flops,
    TrainingFlops,
    declared_cost,
    probed_step_flops,
    sparse_step_flops,
)
from triptych.sparse import SparseLinear
from triptych.sparse.rules.schedules import cubic

from ..built import network, signals

SAMPLES = 64


def sparse(*overrides: str) -> tuple[torch.nn.Module, list[SparseLinear]]:
    net = network("model=sparse", "model.dropout=0.0", *overrides)
    return net, [m for m in net.modules() if isinstance(m, SparseLinear)]


def dense_flops(net: torch.nn.Module, layers: list[SparseLinear]) -> float:
    """Of the same net without masks, 2 for each place."""
    missing = sum(math.prod(layer.shape) - layer.nonzeros for layer in layers)
    return declared_cost(net).flops + 2 * missing


@given(steps=st.integers(1, 20), batch=st.integers(1, 50))
def test_static_masks_need_three_forward_passes(steps: int, batch: int) -> None:
    net, _ = sparse()
    total = TrainingFlops()
    for _ in range(steps):
        total.note(batch, probed=False)
    total.settle(declared_cost(net), net)
    assert total.total.needed == 3 * declared_cost(net).flops * steps * batch
    assert total.total.executed == 3 * declared_cost(net).flops_executed * steps * batch


@pytest.mark.parametrize("every", [2, 10, 100])
def test_rigl_needs_one_dense_gradient_in_each_period(every: int) -> None:
    """Mean of a period by Evci et al. 2020: (3 f_S dT + 2 f_S + f_D) / (dT + 1). There the update
    takes the place of a step; here the step is taken as well, so a period has dT steps, not dT + 1,
    and dT - 1 of them are plain: (3 f_S (dT - 1) + 2 f_S + f_D) / dT."""
    net, layers = sparse()
    f_s, f_d = declared_cost(net).flops, dense_flops(net, layers)
    total = TrainingFlops()
    for step in range(1, every + 1):
        total.note(SAMPLES, probed=step == every)
    total.settle(declared_cost(net), net)
    mean = total.total.needed / (SAMPLES * every)
    assert mean == pytest.approx((3 * f_s * (every - 1) + 2 * f_s + f_d) / every, rel=1e-12)


def test_pruning_needs_the_mean_of_its_densities() -> None:
    """`mean of 3 f_D (1 - s_t)`, for the part of the net that is pruned."""
    net, layers = sparse("model/mask=uniform", "model.sparsity=0.0")
    total, rest = TrainingFlops(), declared_cost(net).flops - 2 * sum(m.nonzeros for m in layers)
    places = sum(math.prod(m.shape) for m in layers)
    expected = 0.0
    for step in range(8):
        sparsity = cubic(0.0, 0.75, step / 7)
        for layer in layers:
            flat = torch.zeros(math.prod(layer.shape), dtype=torch.bool)
            flat[: round((1 - sparsity) * len(flat))] = True
            layer.place(flat.view(layer.shape))
        total.note(SAMPLES, probed=False)
        total.settle(declared_cost(net), net)
        expected += SAMPLES * 3 * (rest + 2 * places * (1 - sparsity))
    assert total.total.needed == pytest.approx(expected, rel=1e-4)  # whole weights


def test_what_was_noted_before_a_change_costs_what_it_did_then() -> None:
    net, layers = sparse()
    total, before = TrainingFlops(), declared_cost(net).flops
    total.note(10, probed=False)
    total.settle(declared_cost(net), net)
    for layer in layers:
        layer.place(torch.ones(layer.shape, dtype=torch.bool))
    total.note(1, probed=False)
    total.settle(declared_cost(net), net)
    assert total.total.needed == 3 * (10 * before + dense_flops(net, layers))
    total.reset()
    assert total.total == Flops()


@pytest.mark.parametrize("probed", [False, True])
def test_executed_flops_are_those_that_torch_counts_in_a_step(probed: bool) -> None:
    net, layers = sparse("model/kernel=masked")
    for layer in layers if probed else []:
        layer.start_probe()
    with FlopCounterMode(display=False) as counter:
        logits, _ = net(signals(SAMPLES))
        F.cross_entropy(logits, torch.zeros(SAMPLES, dtype=torch.long)).backward()
    cost = declared_cost(net)
    count = probed_step_flops if probed else sparse_step_flops
    # Nobody asks for the gradient of the data: one product of the stem less than the convention.
    stem = 2 * net.get_submodule("stem").get_parameter("weight").numel()
    assert counter.get_total_flops() / SAMPLES == count(cost, net).executed - stem


def test_of_a_latent_layer_the_gradient_of_the_weights_is_dense() -> None:
    net, layers = sparse("model/rule=sr_ste", "model/kernel=straight_through", "model.sparsity=0.5")
    f_s, f_d = declared_cost(net).flops, dense_flops(net, layers)
    assert f_d > f_s
    assert sparse_step_flops(declared_cost(net), net).needed == 2 * f_s + f_d
