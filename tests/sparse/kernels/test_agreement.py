"""Every kernel against the reference, in values, gradients and whole trainings."""

import copy
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    BlockLinear,
    SparseLinear,
    block_masks,
    two_four_masks,
    uniform_mask,
)
from triptych.sparse.native import operator

from .formula import Formula

Layer = SparseLinear | Formula

CONF = Path(__file__).parents[3] / "conf" / "model" / "kernel"
KERNELS = sorted(path.stem for path in CONF.glob("*.yaml"))
COMPILED = "block (compiled)"
WAYS = [*KERNELS, COMPILED]
BLOCK = 4


@pytest.fixture(autouse=True)
def compiled_where_it_says_so(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    if "name" in request.fixturenames and request.getfixturevalue("name") == COMPILED:
        product = request.getfixturevalue("compiled_product")
        monkeypatch.setattr(operator, "product_if_built", lambda: product)


def kernel(name: str, mask: Tensor, seed: int = 0) -> SparseLinear:
    torch.manual_seed(seed)
    node = OmegaConf.load(CONF / f"{name.removesuffix(' (compiled)')}.yaml")
    OmegaConf.update(node, "model.block", BLOCK, force_add=True)
    return instantiate({k: v for k, v in node.items() if k != "model"})(mask)


def reference(name: str, mask: Tensor) -> Layer:
    """The masked kernel; of a latent one, whose gradient reaches every weight, the formula."""
    layer = kernel(name, mask)
    return Formula(layer) if layer.latent else kernel("masked", mask)


def blocks(rows: int, columns: int, sparsity: float, generator: torch.Generator) -> Tensor:
    whole = uniform_mask(rows, columns, sparsity, generator)
    return whole.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)


def scattered(rows: int, columns: int, sparsity: float, generator: torch.Generator) -> Tensor:
    return uniform_mask(rows * BLOCK, columns * BLOCK, sparsity, generator)


def rectangle(rows: int, columns: int, sparsity: float, generator: torch.Generator) -> Tensor:
    live = [uniform_mask(1, n * BLOCK, sparsity, generator)[0] for n in (rows, columns)]
    return live[0][:, None] & live[1]


def two_four(rows: int, columns: int, sparsity: float, generator: torch.Generator) -> Tensor:
    return two_four_masks([(rows * BLOCK, columns * BLOCK)], 0.5, [generator])[0]


MASKS = {f.__name__: f for f in (blocks, scattered, rectangle, two_four)}


def mask_of(kind: str, rows: int, columns: int, sparsity: float, seed: int = 0) -> Tensor:
    """Of rows x columns tiles of 4 x 4; the seed does not change how many weights there are."""
    return MASKS[kind](rows, columns, sparsity, torch.Generator().manual_seed(seed))


def takes(name: str, kind: str) -> bool:
    try:
        kernel(name, mask_of(kind, 3, 2, 0.5))
    except IncompatibleSettings:
        return False
    return True


CASES = [(name, kind) for name in WAYS for kind in MASKS if takes(name, kind)]
each_case = pytest.mark.parametrize(("name", "kind"), CASES)


def test_every_kernel_is_compared():
    assert {name for name, _ in CASES} == set(WAYS)
    assert all((free, kind) in CASES for free in ("masked", "csr", "auto") for kind in MASKS)


def outcome(layer: Layer, x: Tensor) -> dict[str, Tensor]:
    """Output and gradients; that of the weights as a dense matrix, of latent ones all of it."""
    layer.zero_grad()
    x = x.clone().requires_grad_()
    y = layer(x)
    (y * torch.arange(1.0, y.numel() + 1).to(y).view(y.shape)).sum().backward()
    grad = layer.weights.grad
    grad = torch.zeros_like(layer.weights) if grad is None else grad
    weight = grad if layer.latent else layer.spread(grad).detach()
    return {"y": y.detach(), "x": x.grad, "weight": weight, "bias": layer.bias.grad}


def assert_alike(ours: dict[str, Tensor], theirs: dict[str, Tensor], **tolerance: Any) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(
            ours[name], value, msg=lambda m, n=name: f"{n}: {m}", **tolerance
        )


@each_case
@settings(max_examples=30)
@given(
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    sparsity=st.floats(0, 0.99),
    batch=st.sampled_from([0, 1, 3, 63, 64, 65, 130]),
    seed=st.integers(0, 20),
)
def test_outputs_and_all_gradients_are_those_of_the_reference(
    name, kind, rows, columns, sparsity, batch, seed
):
    mask = mask_of(kind, rows, columns, sparsity, seed)
    ours, theirs = kernel(name, mask).double(), reference(name, mask).double()
    x = torch.randn(batch, mask.shape[1], dtype=torch.double)
    assert_alike(outcome(ours, x), outcome(theirs, x), rtol=1e-9, atol=1e-9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@each_case
@pytest.mark.parametrize("batch", [0, 1, 65, 130])
def test_on_a_gpu_they_are_those_of_the_reference_on_a_cpu(name, kind, batch):
    mask = mask_of(kind, 4, 3, 0.6)
    ours, theirs = kernel(name, mask).double(), reference(name, mask).double()
    x = torch.randn(batch, mask.shape[1], dtype=torch.double)
    found = {k: v.cpu() for k, v in outcome(ours.cuda(), x.cuda()).items()}
    assert_alike(found, outcome(theirs, x), rtol=1e-9, atol=1e-9)


@each_case
@pytest.mark.parametrize("shape", [(8,), (1, 8), (2, 3, 8), (0, 8), (2, 0, 8)])
def test_any_number_of_dimensions_in_front_is_fine_with_and_without_gradient(name, kind, shape):
    layer = kernel(name, mask_of(kind, 3, 2, 0.5))
    x = torch.randn(*shape)
    wanted = x @ layer.matrix().T + layer.bias
    torch.testing.assert_close(layer(x), wanted)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), wanted)


@pytest.mark.parametrize("name", WAYS)
def test_a_layer_without_any_weight_gives_its_bias(name):
    layer = kernel(name, torch.zeros(8, 8, dtype=torch.bool))
    x = torch.randn(5, 8, requires_grad=True)
    y = layer(x)
    torch.testing.assert_close(y, layer.bias.expand(5, 8))
    y.sum().backward()
    assert x.grad is not None
    assert not x.grad.any()
    with torch.no_grad():
        torch.testing.assert_close(layer(x), layer.bias.expand(5, 8))


@each_case
def test_gradients_are_those_of_finite_differences(name, kind):
    """Not that of a latent weight: by design it is another one, that of the formula."""
    layer = kernel(name, mask_of(kind, 2, 3, 0.5)).double()
    x = torch.randn(3, 12, dtype=torch.double, requires_grad=True)
    inputs = [layer.bias] if layer.latent else list(layer.parameters())
    assert torch.autograd.gradcheck(lambda *_: layer(x), (x, *inputs))


@each_case
def test_views_and_expanded_gradients_are_fine(name, kind):
    layer, reference = (kernel(n, mask_of(kind, 3, 2, 0.5)) for n in (name, "masked"))
    base = torch.randn(8, 10)
    found = []
    for net in (layer, reference):
        x = base.clone().requires_grad_()
        y = net(x.t())
        y.sum().backward()
        weight = net.weights.grad if net.latent else net.spread(net.weights.grad)
        found.append([y, x.grad, net.bias.grad, *([] if layer.latent else [weight])])
    torch.testing.assert_close(*found)


@each_case
def test_the_choice_of_a_kernel_changes_neither_the_first_weights_nor_what_is_declared(name, kind):
    mask = mask_of(kind, 3, 2, 0.5)
    ours, reference = kernel(name, mask), kernel("masked", mask)
    assert torch.equal(ours.matrix(), reference.matrix())
    assert torch.equal(ours.bias, reference.bias)
    assert torch.equal(ours.mask, mask)
    weights = int(mask.sum())
    assert (ours.shape, ours.nonzeros, ours.density) == ((12, 8), weights, weights / 96)
    cost, wanted = ours.cost(), reference.cost()
    assert (cost.params_total, cost.params_active, cost.flops) == (
        wanted.params_total,
        wanted.params_active,
        wanted.flops,
    )
    assert cost.flops_executed == 2 * ours.weights.numel()  # nothing was chosen yet


@each_case
@pytest.mark.parametrize(
    "recipe",
    [
        partial(torch.optim.AdamW, lr=1e-2, weight_decay=0.1),
        partial(torch.optim.SGD, lr=1e-2, momentum=0.9, weight_decay=1e-2),
    ],
    ids=["adamw", "sgd"],
)
def test_a_whole_training_is_that_of_the_reference(name, kind, recipe):
    mask = mask_of(kind, 4, 3, 0.7)
    finals = []
    for make in (kernel, reference):
        layer = make(name, mask).double()
        optimizer = recipe(layer.parameters())
        generator = torch.Generator().manual_seed(1)
        for _ in range(30):
            x = torch.randn(9, 12, generator=generator, dtype=torch.double)
            (layer(x) - 1).square().mean().backward()
            torch.nn.utils.clip_grad_norm_(layer.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
        finals.append((layer.matrix(), layer.bias.detach()))
    for ours, wanted in zip(*finals, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-7, atol=1e-9)


@each_case
def test_a_state_dict_and_a_copy_bring_back_everything(name, kind):
    mask, other = mask_of(kind, 4, 4, 0.5, seed=0), mask_of(kind, 4, 4, 0.5, seed=1)
    assert not torch.equal(mask, other)
    layer, target = kernel(name, mask), kernel(name, other, seed=5)
    x = torch.randn(70, 16)
    wanted = outcome(layer, x)  # before saving: what a layer chose by time must come back too
    target.load_state_dict(layer.state_dict())
    for again in (target, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(again.mask, mask)
        assert_alike(outcome(again, x), wanted, rtol=0, atol=0)


@each_case
def test_autocast_gives_nearly_the_same(name, kind):
    layer = kernel(name, mask_of(kind, 4, 4, 0.5))
    x = torch.randn(70, 16)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    torch.testing.assert_close(y.float(), layer(x), rtol=3e-2, atol=3e-2)
    y.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == p.dtype for p in layer.parameters())


def test_the_block_kernel_refuses_masks_that_are_not_of_blocks():
    with pytest.raises(IncompatibleSettings, match="model/mask=block"):
        kernel("block", uniform_mask(8, 8, 0.5, torch.Generator().manual_seed(0)))
    with pytest.raises(IncompatibleSettings, match=r"6 x 8 has no whole blocks of 4"):
        kernel("block", torch.ones(6, 8, dtype=torch.bool))
    with pytest.raises(InvalidSetting, match=r"model.block=0 must be at least 1"):
        BlockLinear(torch.ones(8, 8, dtype=torch.bool), block=0)
    (mask,) = block_masks([(8, 8)], 0.5, [torch.Generator().manual_seed(0)], block=4)
    assert kernel("block", mask).nonzeros == 32
