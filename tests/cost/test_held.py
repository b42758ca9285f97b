from collections.abc import Callable

import pytest
import torch
from torch import nn

from triptych.cost import (
    Held,
    blocks_block,
    csr_block,
    declared_cost,
    dense_activations,
    dense_block,
    masked_block,
    moe_activations,
    moe_block,
    narrow_block,
)
from triptych.cost.scaling import SINGLE
from triptych.models import DensePanel, MoEPanel, SparsePanel
from triptych.moe import (
    Dropless,
    SoftmaxTopK,
    StackedMLP,
    grouped_dispatch,
    loop_dispatch,
)
from triptych.sparse import (
    BlockLinear,
    CSRLinear,
    MaskedLinear,
    NarrowLinear,
)

WIDTH, HIDDEN, EXPERTS, TOP_K, TOKENS, BLOCK = 64, 256, 8, 2, 96, 16


def sparse(kernel: Callable[..., nn.Module], mask: Callable[[int, int], torch.Tensor]) -> nn.Module:
    def pattern(shapes, sparsity, generators):
        return [mask(*shape) for shape in shapes]

    return SparsePanel(HIDDEN, 0.0, 0.75, pattern, kernel, seed=0).block(WIDTH, "block")


def quarter(outputs: int, inputs: int) -> torch.Tensor:
    """One block of weights in four."""
    rows, columns = outputs // BLOCK, inputs // BLOCK
    coarse = (torch.arange(rows)[:, None] + torch.arange(columns)) % 4 == 0
    return coarse.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)


def units(outputs: int, inputs: int) -> torch.Tensor:
    """The first 64 hidden units."""
    hidden = torch.arange(HIDDEN) < 64
    whole = torch.ones(outputs, inputs, dtype=torch.bool)
    return whole & (hidden[:, None] if outputs == HIDDEN else hidden)


def mixture(dispatch) -> nn.Module:
    def router(width, experts):
        return SoftmaxTopK(width, experts, top_k=TOP_K)

    def bank(experts, width, out):
        return StackedMLP(experts, width, out, d_hidden=HIDDEN)

    return MoEPanel(EXPERTS, router, Dropless, bank, dispatch, None).block(WIDTH, "block")


BLOCKS: dict[str, tuple[Callable[[], nn.Module], Held]] = {
    "dense": (lambda: DensePanel(HIDDEN, 0.0).block(WIDTH, "block"), dense_block(WIDTH, HIDDEN)),
    "masked": (lambda: sparse(MaskedLinear, quarter), masked_block(WIDTH, HIDDEN)),
    "csr": (lambda: sparse(CSRLinear, quarter), csr_block(WIDTH, HIDDEN, 0.25)),
    "block": (
        lambda: sparse(lambda mask: BlockLinear(mask, block=BLOCK), quarter),
        blocks_block(WIDTH, HIDDEN, 0.25, BLOCK),
    ),
    "narrow": (lambda: sparse(NarrowLinear, units), narrow_block(WIDTH, HIDDEN, 64)),
    "moe": (lambda: mixture(loop_dispatch), moe_block(WIDTH, HIDDEN, EXPERTS, TOP_K)),
}
each_block = pytest.mark.parametrize("name", BLOCKS)


@each_block
def test_a_block_holds_what_its_sizes_say(name: str) -> None:
    make, held = BLOCKS[name]
    block = make()
    assert sum(p.numel() for p in block.parameters()) == held.total == held.unit
    assert sum(b.nbytes for b in block.buffers()) == held.fixed
    experts = sum(p.numel() for k, p in block.named_parameters() if k.startswith("experts."))
    assert experts == held.experts


@each_block
def test_a_block_executes_the_flops_that_its_sizes_say(name: str) -> None:
    make, held = BLOCKS[name]
    assert declared_cost(make()).flops_executed == held.flops


def test_blocks_add_up_and_the_largest_is_the_unit() -> None:
    one, other = dense_block(4, 8), moe_block(4, 8, num_experts=3, top_k=1)
    both = one.times(2) + other
    assert both.common == 2 * (2 * 4 * 8 + 4 + 8) + 3 * 4
    assert both.experts == 3 * (2 * 4 * 8 + 4 + 8)
    assert both.unit == other.total > one.total


def kept(block: nn.Module, *, autocast: bool = False) -> tuple[int, int]:
    """Bytes that autograd keeps, but for the block's own tensors: activations, and matrices that
    are made of the weights."""
    own = {t.untyped_storage().data_ptr() for t in (*block.parameters(), *block.buffers())}
    storages: dict[int, torch.Tensor] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            storages[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    x = torch.randn(TOKENS, WIDTH, requires_grad=True)
    half = torch.autocast("cpu", torch.bfloat16, enabled=autocast)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), half:
        block(x)[0].sum()
    matrix = (WIDTH, HIDDEN), (HIDDEN, WIDTH)
    made = {place: tensor.shape in matrix for place, tensor in storages.items()}
    size = {place: tensor.untyped_storage().nbytes() for place, tensor in storages.items()}
    weights = sum(size[place] for place in size if made[place])
    return sum(size.values()) - weights, weights


@pytest.mark.parametrize("name", ["dense", "masked", "csr", "block"])
def test_what_a_block_keeps_for_the_backward_pass(name: str) -> None:
    activations, _ = kept(BLOCKS[name][0]())
    assert activations == dense_activations(TOKENS, WIDTH, HIDDEN, SINGLE)


@pytest.mark.parametrize("dispatch", [loop_dispatch, grouped_dispatch])
def test_what_an_moe_block_keeps_for_the_backward_pass(dispatch) -> None:
    router = TOKENS * (4 * EXPERTS + 8 * TOP_K + 4 * 2 * TOP_K + 4)
    wanted = moe_activations(TOKENS, WIDTH, HIDDEN, TOP_K, SINGLE)
    # `grouped` also keeps where each expert's rows begin.
    assert sum(kept(mixture(dispatch))) == pytest.approx(wanted + router, abs=64)


@pytest.mark.parametrize(
    ("name", "autocast", "each"),
    [
        ("dense", False, 0),
        ("dense", True, 2),
        ("masked", False, 4),
        ("masked", True, 2),
        ("csr", True, 0),
    ],
)
def test_copies_of_weights_that_a_step_keeps(name: str, autocast: bool, each: int) -> None:
    _, copies = kept(BLOCKS[name][0](), autocast=autocast)
    assert copies == each * 2 * WIDTH * HIDDEN
