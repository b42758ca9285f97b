"""2:4 without a GPU: the choice, the fallback, and our formulas around torch's operators, of which
an emulation in dense arithmetic stands here."""

import copy
import logging
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.notices import say_once
from triptych.sparse import MaskedLinear, SemiStructuredLinear, two_four_masks
from triptych.sparse.kernels.semi_structured import MASKED, TWO_FOUR, better
from triptych.sparse.kernels.two_four import (
    FIRST,
    LEAST,
    ROWS,
    Algorithms,
    fastest_algorithm,
    two_four_product,
    why_not_two_four,
)

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
    alg_id: int = 0,
    split_k: int = 1,
    split_k_mode: int = -1,
) -> Tensor:
    assert dense.shape[1] % ROWS == 0
    assert (alg_id, split_k, split_k_mode) == FIRST  # no search without cuSPARSELt
    y = packed @ dense
    if bias is not None:
        y = y + bias[:, None]
    return y.t().contiguous() if transpose_result else y


COMPRESSED: list[Tensor] = []


def compress(weight: Tensor) -> Tensor:
    COMPRESSED.append(weight)
    return weight.clone()


@pytest.fixture
def emulated() -> Iterator[None]:
    """Torch's operators on the CPU, where it has none."""
    with torch.library._scoped_library("aten", "IMPL") as library:
        library.impl("_sparse_semi_structured_tile", tile, "CPU")
        library.impl("_cslt_sparse_mm", sparse_mm, "CPU")
        library.impl("_cslt_compress", compress, "CPU")
        COMPRESSED.clear()
        yield


@pytest.mark.parametrize("rows", [1, 8, 13])
def test_the_product_and_its_gradients_are_those_of_the_masked_matrix(emulated, rows):
    mask = mask_of(8, 12)
    weight = torch.where(mask, torch.randn(8, 12), 0.0)
    ours, reference = (weight.clone().requires_grad_() for _ in range(2))
    bias = torch.randn(8)
    biases = [bias.clone().requires_grad_() for _ in range(2)]
    x = torch.randn(rows, 12)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    grad = torch.randn(rows, 8)
    algorithms = Algorithms()
    y = two_four_product(inputs[0], ours, biases[0], algorithms)
    wanted = inputs[1] @ reference.t() + biases[1]
    torch.testing.assert_close(y, wanted)
    y.backward(grad)
    wanted.backward(grad)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    torch.testing.assert_close(ours.grad, reference.grad)
    torch.testing.assert_close(biases[0].grad, biases[1].grad)
    assert {name for name, _ in algorithms.found} == {"forward", "input"}


def test_the_2_4_way_of_a_layer_is_its_masked_way(emulated):
    layer, reference = pair(8, 12)
    x = torch.randn(2, 3, 12)
    for product in (layer.products[TWO_FOUR], reference):
        product(x).square().sum().backward()
    torch.testing.assert_close(layer.products[TWO_FOUR](x), reference(x))
    torch.testing.assert_close(layer.weight.grad, reference.weight.grad)
    torch.testing.assert_close(layer.bias.grad, reference.bias.grad)


def test_a_frozen_weight_is_packed_once_until_it_or_the_mask_changes(emulated):
    layer, reference = (net.requires_grad_(False) for net in pair(8, 12))
    x = torch.randn(13, 12)

    def agrees() -> None:
        for _ in range(3):
            torch.testing.assert_close(layer.products[TWO_FOUR](x), reference(x))

    with torch.no_grad():
        agrees()
        assert len(COMPRESSED) == 1
        for net in (layer, reference):
            net.weight.mul_(2)
        agrees()
        assert len(COMPRESSED) == 2
        for net in (layer, reference):
            net.place(mask_of(8, 12, seed=1))
        agrees()
        assert len(COMPRESSED) == 3
        copy.deepcopy(layer).products[TWO_FOUR](x)
        assert len(COMPRESSED) == 4  # a copy packs for itself
        agrees()
        assert len(COMPRESSED) == 4


@pytest.mark.parametrize("fused", [True, False])
def test_a_weight_that_trains_is_never_kept_packed(emulated, fused):
    """The steps of a fused optimizer do not count as changes of a tensor, nor do those of an
    average that takes the place of the weights."""
    layer, reference = pair(8, 12)
    x = torch.randn(16, 12)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=fused)
    for _ in range(2):
        with torch.no_grad():
            reference.load_state_dict(
                {k: v for k, v in layer.state_dict().items() if k != "_extra_state"}
            )
            torch.testing.assert_close(layer.products[TWO_FOUR](x), reference(x))
            layer.weight.data.mul_(1.5)
            reference.weight.data.mul_(1.5)
            torch.testing.assert_close(layer.products[TWO_FOUR](x), reference(x))
        layer.products[TWO_FOUR](x).square().sum().backward()
        optimizer.step()
    assert COMPRESSED == []


def test_an_algorithm_is_searched_once_for_as_many_samples(monkeypatch):
    searched = []

    class Library:
        @staticmethod
        def mm_search(packed, dense, bias, alpha, out_dtype, transpose_result):
            assert transpose_result
            searched.append(tuple(dense.shape))
            return 17, 2, 1, 21

    monkeypatch.setattr(torch._C, "_cusparselt", Library, raising=False)
    algorithms, packed = Algorithms(), torch.zeros(16, 8)
    for rows in (9, 16, 13, 17):
        assert algorithms.of("forward", packed, torch.zeros(rows, 8)) == (17, 2, 1)
    assert searched == [(8, 16), (8, 24)]
    algorithms.of("input", packed, torch.zeros(16, 8))
    assert len(searched) == 3
    monkeypatch.delattr(torch._C, "_cusparselt")
    assert fastest_algorithm(packed, torch.zeros(16, 8)) == FIRST


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
    x, weight = torch.zeros(1024, 2048, device="cuda"), torch.zeros(1024, 2048, device="cuda")
    for other in (x, x.half()):
        assert f"need torch.bfloat16, and this is {other.dtype}" in str(
            why_not_two_four(other, weight)
        )
    half = x.bfloat16()
    assert "that 128 divides" in str(why_not_two_four(half, weight[:64]))
    small = f"do not pay below {LEAST}, and this is 512 x 2048, 1024 rows"
    assert small in str(why_not_two_four(half, weight[:512]))
    assert "1024 x 2048, 8 rows" in str(why_not_two_four(half[:8], weight))
    with torch.autocast("cuda", torch.bfloat16):
        assert why_not_two_four(x, weight) == why_not_two_four(half, weight)


needs_cusparselt = pytest.mark.skipif(
    not (torch.cuda.is_available() and torch.backends.cusparselt.is_available()),
    reason="needs a CUDA device and cuSPARSELt",
)


@pytest.mark.gpu
@needs_cusparselt
@pytest.mark.parametrize("rows", [1024, 1101])
def test_on_a_gpu_a_weight_that_is_packed_once_gives_the_masked_product(rows):
    layer, reference = (net.cuda().bfloat16().requires_grad_(False) for net in pair(2048, 1024))
    x = torch.randn(rows, 1024, device="cuda", dtype=torch.bfloat16)
    with torch.no_grad():
        close(layer.products[TWO_FOUR](x), reference(x))
        close(layer(x), reference(x))


@pytest.mark.gpu
@needs_cusparselt
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_on_a_gpu_training_gives_the_masked_numbers_whatever_was_chosen(dtype):
    layer, reference = (net.cuda().to(dtype) for net in pair(2048, 1024))
    x = torch.randn(1101, 1024, device="cuda", dtype=dtype)
    outputs = []
    for net in (layer, reference):
        inputs = x.clone().requires_grad_()
        y = net(inputs)
        y.backward(torch.ones_like(y))
        outputs.append((y.detach(), inputs.grad, net.weight.grad, net.bias.grad))
    for ours, wanted in zip(*outputs, strict=True):
        close(ours, wanted)


@pytest.mark.gpu
@needs_cusparselt
def test_what_the_tile_operator_packs_is_right_or_noticed(caplog):
    """On compute capability 8 it is right; on 9 (seen with torch 2.11) it is not, and said."""
    layer, reference = (net.cuda().bfloat16() for net in pair(2048, 1024))
    x = torch.randn(1024, 1024, device="cuda", dtype=torch.bfloat16)
    error = (layer.products[TWO_FOUR](x) - reference(x)).abs().max() / reference(x).abs().max()
    say_once.cache_clear()
    with caplog.at_level(logging.INFO, "triptych"):
        layer(x)
    assert ("other numbers" in caplog.text) == bool(error > 0.05)


def close(ours: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(ours, wanted, rtol=2e-2, atol=2e-2 * float(wanted.abs().max()))
