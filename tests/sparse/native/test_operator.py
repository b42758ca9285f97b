"""The compiled product of blocks where it differs from the loop: refusals, pieces, threads."""

from typing import Any

import pytest
import torch

from triptych.sparse import AutoLinear, BlockLinear, MaskedLinear, block_masks
from triptych.sparse.native import operator


@pytest.fixture(autouse=True)
def compiled(compiled_product, monkeypatch):
    monkeypatch.setattr(operator, "product_if_built", lambda: compiled_product)


def layer(d_out: int, d_in: int, block: int, sparsity: float = 0.6) -> BlockLinear:
    torch.manual_seed(0)
    generators = [torch.Generator().manual_seed(0)]
    (mask,) = block_masks([(d_out, d_in)], sparsity, generators, block=block)
    return BlockLinear(mask, block=block)


def outcome(net: Any, x: torch.Tensor) -> list[torch.Tensor]:
    net.zero_grad()
    x = x.clone().requires_grad_()
    y = net(x)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype))
    return [y.detach(), x.grad, net.spread(net.weights.grad), net.bias.grad]


def test_the_layer_says_which_product_it_takes(monkeypatch):
    net = layer(8, 12, 4)
    (mask,) = block_masks([(16, 16)], 0.5, [torch.Generator().manual_seed(1)], block=4)
    auto = AutoLinear(mask, block=4)
    assert net.executes == net.double().executes == "block (compiled)"
    assert auto.executes == "auto (block (compiled))"
    assert net.bfloat16().executes == "block"
    monkeypatch.setattr(operator, "product_if_built", lambda: None)
    assert net.double().executes == "block"


@pytest.mark.parametrize(
    ("d_out", "d_in", "block", "tokens"),
    [(64, 96, 16, 300), (8, 12, 4, 4100), (16, 8192, 16, 130), (8192, 16, 16, 65), (64, 64, 64, 7)],
    ids=["one piece", "two of a narrow layer", "three of wide inputs", "wide outputs", "one block"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_however_samples_are_cut_it_is_the_product_with_the_matrix(
    d_out, d_in, block, tokens, dtype
):
    net = layer(d_out, d_in, block)
    masked = MaskedLinear(net.mask)
    masked.load_state_dict(net.state_dict())
    x = torch.randn(tokens, d_in, dtype=torch.double)
    wanted = outcome(masked.double(), x)
    for ours, theirs in zip(outcome(net.to(dtype), x.to(dtype)), wanted, strict=True):
        error = (ours.double() - theirs).norm()
        assert error <= (1e-5 if dtype == torch.float32 else 1e-13) * theirs.norm()


def test_the_same_bits_come_again_with_any_number_of_threads():
    net, x = layer(1024, 512, 64, 0.5), torch.randn(1100, 512)
    once = outcome(net, x)
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            again = outcome(net, x)
        finally:
            torch.set_num_threads(1)
        assert all(torch.equal(a, b) for a, b in zip(again, once, strict=True))


def test_what_wants_no_gradient_gets_none():
    net, x = layer(8, 12, 4), torch.randn(5, 12)
    net.values.requires_grad_(False)
    net(x).sum().backward()
    assert net.values.grad is None
    torch.testing.assert_close(net.bias.grad, torch.full((8,), 5.0))
    net.bias.requires_grad_(False)
    assert not net(x).requires_grad
    (grad,) = torch.autograd.grad(net(x.requires_grad_()).sum(), x)
    torch.testing.assert_close(grad, net.matrix().sum(dim=0).expand(5, 12))
    with torch.inference_mode():
        torch.testing.assert_close(net(x), x @ net.matrix().T + net.bias)


def test_second_derivatives_are_refused():
    net, x = layer(8, 12, 4), torch.randn(5, 12, requires_grad=True)
    with pytest.raises(RuntimeError, match="take model/kernel=masked"):
        torch.autograd.grad(net(x).sum(), x, create_graph=True)


def test_half_precision_and_compilers_go_to_the_loop(monkeypatch):
    def unexpected(*_: Any):
        raise AssertionError

    net, x = layer(8, 12, 4), torch.randn(5, 12)
    wanted = net(x)
    monkeypatch.setattr(operator, "product_if_built", lambda: unexpected)
    with pytest.raises(AssertionError):
        net(x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(net(x).float(), wanted, rtol=3e-2, atol=3e-2)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.testing.assert_close(net(x), wanted)


VALID = {
    "x": torch.zeros(3, 8),
    "values": torch.zeros(2, 4, 4),
    "bias": torch.zeros(12),
    "columns": torch.tensor([0, 1]),
    "starts": torch.tensor([0, 1, 1, 2]),
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"columns": torch.tensor([0, 2])}, r"column 2 is not in \[0, 2\)"),
        ({"columns": torch.tensor([0, -1])}, "column -1"),
        ({"columns": torch.tensor([0])}, r"columns \(N\)"),
        ({"starts": torch.tensor([0, 2, 1, 2])}, "must not fall"),
        ({"starts": torch.tensor([0, 1, 1, 3])}, "from 0 to 2"),
        ({"starts": torch.tensor([0, 1, 2])}, r"bias \(O\)"),
        ({"x": torch.zeros(3, 9)}, "whole blocks"),
        ({"x": torch.zeros(8)}, "whole blocks"),
        ({"x": torch.zeros(3, 8, dtype=torch.double)}, "the type of x"),
        ({"values": torch.zeros(2, 4, 2)}, r"\(N, B, B\)"),
        ({"columns": torch.tensor([0, 1], dtype=torch.int32)}, "64 bits"),
    ],
)
def test_what_would_be_read_beside_the_memory_is_refused(compiled_product, change, reason):
    assert compiled_product(*VALID.values()).shape == (3, 12)
    with pytest.raises(RuntimeError, match=reason):
        compiled_product(*(VALID | change).values())
