import importlib
from dataclasses import dataclass
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from triptych import moe as panel
from triptych.moe import MoE, SoftmaxTopK, StackedMLP, SwiGLU, TopKSoftmax

pytestmark = pytest.mark.oracle

DISPATCHES = {  # triton_dispatch is for GPUs, and has tests of its own
    name: value
    for name, value in vars(panel).items()
    if name.endswith("_dispatch") and name != "triton_dispatch"
}


@dataclass(frozen=True)
class Shape:
    tokens: int
    width: int
    hidden: int
    experts: int
    top_k: int


SHAPES = [
    Shape(1, 8, 12, 4, 2),  # fewer tokens than experts
    Shape(30, 16, 16, 16, 3),  # square matrices: a mix-up would not raise
    Shape(64, 8, 20, 4, 4),  # every expert for every token
    Shape(200, 32, 48, 8, 2),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("implementation", ["eager", "grouped_mm"])
@pytest.mark.parametrize("dispatch", DISPATCHES.values(), ids=DISPATCHES)
@pytest.mark.parametrize("router", [SoftmaxTopK, TopKSoftmax])
def test_our_layer_equals_the_mixtral_block_in_output_and_all_gradients(
    mixtral, shape, implementation, dispatch, router
):
    moe = MoE(
        router(shape.width, shape.experts, top_k=shape.top_k),
        StackedMLP(
            shape.experts,
            shape.width,
            shape.width,
            d_hidden=shape.hidden,
            activation=SwiGLU,
            bias=False,
        ),
        dispatch,
    )
    torch.manual_seed(0)
    for parameter in moe.parameters():
        nn.init.normal_(parameter, std=0.3)
    block = block_like(mixtral, moe, shape, implementation)
    x, above = torch.randn(2, shape.tokens, shape.width)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, _ = moe(ours)
    z = block(theirs[None])[0]
    torch.testing.assert_close(y, z, rtol=1e-4, atol=1e-5)
    (y * above).sum().backward()
    (z * above).sum().backward()
    pairs = [(ours, theirs), *zip(moe.parameters(), block.parameters(), strict=True)]
    for one, other in pairs:
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-4)
        assert (other.grad != 0).any()


def block_like(mixtral: ModuleType, moe: MoE, shape: Shape, implementation: str) -> nn.Module:
    """With our weights; both list router, first layers, second layers."""
    config = importlib.import_module("transformers").MixtralConfig(
        hidden_size=shape.width,
        intermediate_size=shape.hidden,
        num_local_experts=shape.experts,
        num_experts_per_tok=shape.top_k,
    )
    config._experts_implementation = implementation
    block = mixtral.MixtralSparseMoeBlock(config)
    names = [name for name, _ in block.named_parameters()]
    assert names == ["gate.weight", "experts.gate_up_proj", "experts.down_proj"]
    with torch.no_grad():
        for theirs, ours in zip(block.parameters(), moe.parameters(), strict=True):
            assert isinstance(ours, Tensor)
            theirs.copy_(ours)
    return block
