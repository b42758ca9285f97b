import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional as F

from triptych.errors import IncompatibleSettings
from triptych.moe import GELU, ReLU, SwiGLU, grouped_dispatch
from triptych.moe.dispatch.grouped import grouped_linear
from triptych.moe.experts.groups import Groups

from .stacked_cases import Case, check_agreement, outcome


@pytest.fixture
def poison() -> Iterator[None]:
    """New memory is full of NaN: what nobody wrote cannot be taken for a number."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def test_poisoned_memory_is_where_rows_belong_to_no_group(poison):
    """Else the tests below could not fail."""
    x = torch.ones(6, 8, requires_grad=True)
    y = F.grouped_mm(x, torch.ones(2, 8, 8), offs=torch.tensor([1, 4], dtype=torch.int32))
    y.backward(torch.ones_like(y))
    assert x.grad is not None
    for rows in (y, x.grad):
        assert rows[4:].isnan().all()
        assert not rows[:4].isnan().any()


@pytest.mark.parametrize("runs", ["all", "some", "none"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", [ReLU, GELU, SwiGLU])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_grouped_products_agree_with_the_reference_in_outputs_and_all_gradients(
    dtype, activation, bias, runs, poison
):
    case = Case(activation=activation, bias=bias, runs=runs)
    check_agreement(grouped_dispatch, case, dtype, "cpu")


@pytest.mark.parametrize(
    "case",
    [
        Case(tokens=0),
        Case(tokens=1, experts=6),
        Case(top_k=1, one_expert=True),
        Case(experts=1, top_k=1),
        Case(top_k=4),
        Case(tokens=1, top_k=1, runs="none"),
    ],
)
def test_grouped_products_agree_at_the_edges(case, poison):
    check_agreement(grouped_dispatch, case, torch.float32, "cpu")


def test_grouped_products_take_expanded_gradients():
    """`grouped_mm` alone refuses them."""
    groups = Groups(torch.tensor([2, 0, 1]))
    for bias in (None, torch.ones(3, 8)):
        rows, weight = torch.ones(3, 8, requires_grad=True), torch.ones(3, 8, 8)
        grouped_linear(rows, weight, bias, groups).sum().backward()
        torch.testing.assert_close(rows.grad, torch.full((3, 8), 8.0))
    check_agreement(grouped_dispatch, Case(), torch.float32, "cpu", torch.sum)


def test_under_autocast_grouped_products_compute_in_its_precision():
    case = Case(activation=SwiGLU, runs="some")

    def autocast(x, routing, experts):
        with torch.autocast("cpu", torch.bfloat16):
            y = grouped_dispatch(x, routing, experts)
        assert y.dtype == torch.bfloat16
        return y.float()

    ours, exact = (outcome(d, case, torch.float32, "cpu") for d in (autocast, grouped_dispatch))
    for name, value in exact.items():
        assert 0 < (ours[name] - value).norm() < 2e-2 * value.norm(), name


def test_what_grouped_products_cannot_take_is_refused_with_the_remedy():
    with pytest.raises(IncompatibleSettings, match="take model/dispatch=loop"):
        outcome(grouped_dispatch, Case(), torch.double, "cpu")
    with pytest.raises(IncompatibleSettings, match=r"width 12 .* no multiple of 16 bytes"):
        outcome(grouped_dispatch, Case(hidden=12), torch.bfloat16, "cpu")


ONE_GRAPH = """
import torch
from triptych.moe import MoE, SoftmaxTopK, StackedMLP, SwiGLU, grouped_dispatch, switch_loss

experts = StackedMLP(4, 16, 8, d_hidden=24, activation=SwiGLU).bfloat16()
moe = MoE(SoftmaxTopK(16, 4, top_k=2), experts, grouped_dispatch)
x = torch.randn(7, 16).bfloat16()

def forward(valid):
    y, routing = moe(x, valid)
    return y.float().square().sum() + switch_loss(routing)

def outcome(run, valid):
    moe.zero_grad()
    loss = run(valid)
    loss.backward()
    return [loss.detach(), *(p.grad for p in moe.parameters())]

compiled = torch.compile(forward, backend="aot_eager", fullgraph=True)
for valid in (None, torch.arange(7) != 1):
    torch.testing.assert_close(outcome(compiled, valid), outcome(forward, valid))
"""


@pytest.mark.slow
def test_a_layer_with_grouped_products_compiles_into_one_graph():
    """In a process of its own: the shape checks of the tests cannot be compiled."""
    command = [sys.executable, "-c", ONE_GRAPH]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
