"""2:4 without a GPU: the choice, the fallback, and our formulas around torch's operators, of which
an emulation in dense arithmetic stands here."""

import logging
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.notices import say_once
from triptych.sparse import MaskedLinear, SemiStructuredLinear, two_four_masks
from triptych.sparse.kernels.semi_structured import MASKED, TWO_FOUR, better
from triptych.sparse.kernels.two_four import ROWS, two_four_product, why_not_two_four

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def mask_of(d_out: int = 128, d_in: int = 256, seed: int = 0) -> Tensor:
    return two_four_masks([(d_out, d_in)], 0.5, [torch.Generator().manual_seed(seed)])[0]


def pair(d_out: int = 128, d_in: int = 256) -> tuple[SemiStructuredLinear, MaskedLinear]:
    torch.manual_seed(0)
    ours, reference = SemiStructuredLinear(mask_of(d_out, d_in)), MaskedLinear(mask_of(d_out, d_in))
    reference.load_state_dict({k: v for k, v in ours.state_dict().items() if k != "_extra_state"})
    return ours, reference


def greedy(tile: Tensor, score: Tensor) -> Tensor:
    """What the operator keeps of a 4 x 4: in falling order what fits, two per row and column."""
    kept = torch.zeros(4, 4, dtype=torch.bool)
    for place in score.flatten().argsort(descending=True).tolist():
        row, column = divmod(place, 4)
        kept[row, column] = kept[row].sum() < 2 and kept[:, column].sum() < 2
    return tile * kept


def tile(weight: Tensor, algorithm: str = "", use_cutlass: bool = True) -> tuple[Tensor, ...]:
    assert not use_cutlass
    pruned = weight.clone()
    for r in range(0, len(weight), 4):
        for c in range(0, weight.shape[1], 4):
            part = weight[r : r + 4, c : c + 4]
            score = part.abs() if algorithm == "largest_abs_values_greedy" else part
            pruned[r : r + 4, c : c + 4] = greedy(part, score)
    none = weight.new_empty(0)
    return pruned.flatten(), none, pruned.t().flatten(), none, none


def sparse_mm(
    packed: Tensor,
    dense: Tensor,
    bias: Tensor | None = None,
    alpha: Tensor | None = None,
    out_dtype: torch.dtype | None = None,
    transpose_result: bool = False,
) -> Tensor:
    assert dense.shape[1] % ROWS == 0
    y = packed @ dense
    return y.t().contiguous() if transpose_result else y


@pytest.fixture
def emulated() -> Iterator[None]:
    """Torch's operators on the CPU, where it has none."""
    with torch.library._scoped_library("aten", "IMPL") as library:
        library.impl("_sparse_semi_structured_tile", tile, "CPU")
        library.impl("_cslt_sparse_mm", sparse_mm, "CPU")
        yield


@pytest.mark.parametrize("rows", [1, 8, 13])
def test_the_product_and_its_gradients_are_those_of_the_masked_matrix(emulated, rows):
    mask = mask_of(8, 12)
    weight = torch.where(mask, torch.randn(8, 12), 0.0)
    ours, reference = (weight.clone().requires_grad_() for _ in range(2))
    x = torch.randn(rows, 12)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    grad = torch.randn(rows, 8)
    y, wanted = two_four_product(inputs[0], ours), inputs[1] @ reference.t()
    torch.testing.assert_close(y, wanted)
    y.backward(grad)
    wanted.backward(grad)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    torch.testing.assert_close(ours.grad, reference.grad)


def test_the_2_4_way_of_a_layer_is_its_masked_way(emulated):
    layer, reference = pair(8, 12)
    x = torch.randn(2, 3, 12)
    for product in (layer.products[TWO_FOUR], reference):
        product(x).square().sum().backward()
    torch.testing.assert_close(layer.products[TWO_FOUR](x), reference(x))
    torch.testing.assert_close(layer.weight.grad, reference.weight.grad)
    torch.testing.assert_close(layer.bias.grad, reference.bias.grad)


def test_on_a_cpu_it_is_the_masked_product_bit_for_bit_and_says_so_once(caplog):
    layer, reference = pair()
    say_once.cache_clear()
    x = torch.randn(5, 256)
    with caplog.at_level(logging.INFO, "triptych"):
        with torch.no_grad():
            layer(x)
        assert not caplog.messages  # a trial, perhaps on another device
        for _ in range(2):
            assert torch.equal(layer(x), reference(x))
    assert caplog.messages == [
        "kernel semi_structured: the masked dense product, because 2:4 products need a CUDA"
        " device, and this is cpu"
    ]
    assert layer.chosen == {}
    assert layer.executes == "semi_structured (masked)"


def test_the_2_4_product_is_taken_only_if_it_is_right_and_faster():
    y = torch.randn(4, 4)
    same = {MASKED: [y, y], TWO_FOUR: [y * 1.001, y]}
    faster, slower = {MASKED: 2.0, TWO_FOUR: 1.0}, {MASKED: 1.0, TWO_FOUR: 1.0}
    assert better(same, faster) == (TWO_FOUR, "2:4")
    name, reason = better(same, slower)
    assert (name, "not faster" in reason) == (MASKED, True)
    for wrong in (y + 1, y * float("nan")):
        name, reason = better({MASKED: [y, y], TWO_FOUR: [y, wrong]}, faster)
        assert (name, "other numbers" in reason) == (MASKED, True)


def test_what_was_chosen_for_training_is_declared():
    layer, _ = pair()
    assert layer.cost().flops_executed == 2 * 128 * 256
    layer.chosen["cuda torch.bfloat16 autocast None rows 64 training"] = TWO_FOUR
    assert layer.cost().flops == layer.cost().flops_executed == 128 * 256
    assert layer.executes == "semi_structured (2:4)"


def test_masks_with_three_in_a_row_or_a_column_are_refused():
    three = torch.zeros(4, 4, dtype=torch.bool)
    three[0, :3] = True
    for mask in (three, three.t(), torch.zeros(4, 6, dtype=torch.bool)):
        with pytest.raises(IncompatibleSettings, match="take model/mask=two_four"):
            SemiStructuredLinear(mask)
    layer, _ = pair()
    layer.place(mask_of(seed=1))
    assert torch.equal(layer.mask, mask_of(seed=1))
    with pytest.raises(IncompatibleSettings, match="model/rule=static"):
        layer.place(torch.ones(128, 256, dtype=torch.bool))


@pytest.mark.gpu
@needs_gpu
def test_what_a_gpu_cannot_take_is_named():
    x, weight = torch.zeros(8, 256, device="cuda"), torch.zeros(128, 256, device="cuda")
    assert "need half precision, and this is torch.float32" in str(why_not_two_four(x, weight))
    half = x.bfloat16()
    assert "that 128 divides" in str(why_not_two_four(half, weight[:64]))
    with torch.autocast("cuda", torch.bfloat16):
        assert why_not_two_four(x, weight) == why_not_two_four(half, weight)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.skipif(not torch.backends.cusparselt.is_available(), reason="needs cuSPARSELt")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rows", [13, 512])
def test_on_a_gpu_the_2_4_product_is_the_masked_one(dtype, rows):
    layer, reference = (net.cuda().to(dtype) for net in pair(256, 128))
    x = torch.randn(rows, 128, device="cuda", dtype=dtype)
    outputs = []
    for net, product in ((layer, layer.products[TWO_FOUR]), (reference, reference)):
        inputs = x.clone().requires_grad_()
        y = product(inputs)
        y.backward(torch.ones_like(y))
        outputs.append((y.detach(), inputs.grad, net.weight.grad, net.bias.grad))
    for ours, wanted in zip(*outputs, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=2e-2, atol=2e-2 * float(wanted.abs().max()))
