"""What the products of whole blocks by Triton kernels must do on any device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from triptych.sparse import BlockLinear, MaskedLinear, block_masks
from triptych.sparse.kernels.triton.function import BlockProduct, Index

TOLERANCE = {torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 4e-2}


@dataclass(frozen=True)
class Case:
    """A layer of blocks, and how many samples go through it."""

    tokens: int = 5
    block: int = 16
    d_out: int = 64
    d_in: int = 96
    sparsity: float = 0.6
    """At .9 of 24 blocks whole rows and columns are empty; at 1 all are."""

    def layer(self, dtype: torch.dtype, device: str) -> BlockLinear:
        torch.manual_seed(0)
        mask = torch.zeros(self.d_out, self.d_in, dtype=torch.bool)
        if self.sparsity < 1:
            generators = [torch.Generator().manual_seed(0)]
            shape = (self.d_out, self.d_in)
            (mask,) = block_masks([shape], self.sparsity, generators, block=self.block)
        return BlockLinear(mask, block=self.block).to(device, dtype)


CASES = [
    Case(),
    Case(tokens=1),
    Case(tokens=130),
    Case(tokens=300, block=32),
    Case(sparsity=0.9),
    Case(sparsity=1.0),
    Case(sparsity=0.0),
]


def check(case: Case, dtype: torch.dtype, device: str) -> None:
    """Outputs and all gradients against the masked matrix in double precision."""
    layer = case.layer(dtype, device)
    masked = MaskedLinear(layer.mask.cpu())
    masked.load_state_dict({k: v.cpu() for k, v in layer.state_dict().items()})
    masked = masked.double()
    x = torch.randn(case.tokens, case.d_in, dtype=dtype)
    above = torch.randn(case.tokens, case.d_out, dtype=dtype)
    wanted = _outcome(masked, masked, x.double(), above.double())
    ours = _outcome(_by_triton(layer), layer, x.to(device), above.to(device))
    for name, value in wanted.items():
        error = (ours[name].cpu().double() - value).norm()
        assert error <= TOLERANCE[dtype] * value.norm() + 1e-12, name


def check_any_strides(device: str) -> None:
    """Inputs and gradients that are transposed or expanded."""
    case = Case(tokens=6)
    layer = case.layer(torch.float32, device)
    x, above = torch.randn(6, 96, device=device), torch.randn(6, 64, device=device)
    product = _by_triton(layer)
    plain = _outcome(product, layer, x, above)
    transposed = _outcome(product, layer, x.t().contiguous().t(), above.t().contiguous().t())
    ones = _outcome(product, layer, x, torch.ones(1, 1, device=device).expand(6, 64))
    same = _outcome(product, layer, x, torch.ones(6, 64, device=device))
    for name in plain:
        torch.testing.assert_close(transposed[name], plain[name])
        torch.testing.assert_close(ones[name], same[name])


def check_frozen(device: str) -> None:
    """What wants no gradient gets none, the others theirs."""
    layer = Case().layer(torch.float32, device)
    layer.values.requires_grad_(False)
    x = torch.randn(5, 96, device=device, requires_grad=True)
    _by_triton(layer)(x).sum().backward()
    assert layer.values.grad is None
    assert layer.bias.grad is not None
    wanted = layer.matrix().sum(dim=0).expand(5, 96)
    torch.testing.assert_close(x.grad, wanted)


def _by_triton(layer: BlockLinear):
    def product(x: Tensor) -> Tensor:
        index = Index.of(layer.columns, layer.starts, layer.d_in // layer.block)
        return BlockProduct.apply(x, layer.values, layer.bias, index)

    return product


def _outcome(product, layer, x: Tensor, above: Tensor) -> dict[str, Tensor]:
    layer.zero_grad()
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = product(x)
    y.backward(above)
    values = layer.spread(layer.weights.grad)
    return {"y": y.detach(), "x": x.grad, "values": values, "bias": layer.bias.grad.clone()}
