"""The controlled layer against a full product under a one-hot mask."""

import copy
import math
from typing import Any, final

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import ControllerFFN, chosen_units, training_mask
from triptych.sparse.dynamic import chosen
from triptych.types import Cost


def layer(d_in: int = 6, blocks: int = 3, block: int = 4, d_out: int = 5) -> ControllerFFN:
    torch.manual_seed(0)
    return ControllerFFN(d_in, blocks * block, d_out, block=block, rank=2).double().eval()


def one_hot(ffn: ControllerFFN, x: Tensor) -> Tensor:
    """1 for the unit with the best score of each block, found one by one: (B, F)."""
    mask = torch.zeros(len(x), len(ffn.up), dtype=x.dtype)
    scores = x @ ffn.controller.low.weight.T @ ffn.controller.high.weight.T
    for row, of_sample in enumerate((scores + ffn.controller.high.bias).tolist()):
        for start in range(0, len(of_sample), ffn.block):
            part = of_sample[start : start + ffn.block]
            mask[row, start + part.index(max(part))] = 1
    return mask


def full(ffn: ControllerFFN, x: Tensor) -> Tensor:
    flat = x.reshape(x.shape[:-1].numel(), x.shape[-1])
    hidden = F.linear(flat, ffn.up, ffn.up_bias).relu() * one_hot(ffn, flat)
    return (hidden @ ffn.down + ffn.down_bias).view(*x.shape[:-1], len(ffn.down_bias))


@given(
    sizes=st.tuples(*[st.integers(1, 5)] * 4),
    shape=st.sampled_from([(), (0,), (1,), (7,), (2, 3), (2, 0), (0, 3)]),
)
def test_what_is_gathered_is_the_full_product_under_a_one_hot_mask(sizes, shape):
    ffn = layer(*sizes)
    x = torch.randn(*shape, sizes[0], dtype=torch.double)
    wanted = full(ffn, x)
    torch.testing.assert_close(ffn(x), wanted, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(ffn(x), wanted, rtol=1e-12, atol=1e-12)


def test_gradients_of_evaluation_are_those_of_the_full_product():
    ffn = layer()
    x = torch.randn(9, 6, dtype=torch.double)
    found = []
    for forward in (ffn, lambda part: full(ffn, part)):
        ffn.zero_grad()
        part = x.clone().requires_grad_()
        forward(part).square().sum().backward()
        own = (ffn.up, ffn.up_bias, ffn.down, ffn.down_bias)
        found.append([part.grad, *(p.grad for p in own)])
    for ours, wanted in zip(*found, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-10, atol=1e-12)


@final
class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation makes."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            self.numbers = max(self.numbers, made.numel())
        return made


@pytest.mark.parametrize("samples", [1, 3, 4, 5, 9])
def test_samples_are_copied_for_a_few_at_a_time(samples, monkeypatch):
    ffn, x = layer(), torch.randn(samples, 6, dtype=torch.double)
    wanted = full(ffn, x)
    units = chosen_units(ffn.controller(x))
    monkeypatch.setattr(chosen, "TILE", 4 * 3 * 6)  # four samples with 3 units of 6 weights
    with Largest() as largest:
        y = chosen.chosen_product(x, units, ffn.up, ffn.up_bias, ffn.down)
    torch.testing.assert_close(y + ffn.down_bias, wanted)
    assert largest.numbers == min(samples, 4) * 3 * 6


def test_weights_of_units_that_are_not_chosen_are_never_read():
    ffn, x = layer(), torch.randn(4, 6, dtype=torch.double)
    wanted = full(ffn, x)
    idle = one_hot(ffn, x).sum(dim=0) == 0
    assert idle.any()
    with torch.no_grad():
        for part in (ffn.up, ffn.up_bias, ffn.down):
            part[idle] = math.nan
        torch.testing.assert_close(ffn(x), wanted)
    torch.testing.assert_close(ffn(x), wanted)


def test_of_equal_scores_the_first_counts():
    assert chosen_units(torch.zeros(2, 3, 4)).tolist() == [[0, 4, 8]] * 2


def test_training_on_one_unit_in_n_is_the_full_product_under_its_mask():
    ffn = layer().train()
    ffn.hard_share = 1.0
    x = torch.randn(9, 6, dtype=torch.double)
    torch.manual_seed(1)
    y = ffn(x)
    torch.manual_seed(1)
    mask = training_mask(ffn.controller(x), 0.1, 1.0).flatten(1)
    assert torch.equal(mask.round().sum(dim=1), torch.full((9,), 3.0, dtype=torch.double))
    hidden = F.linear(x, ffn.up, ffn.up_bias).relu() * mask
    torch.testing.assert_close(y, hidden @ ffn.down + ffn.down_bias)


def test_masks_of_training_sum_to_one_in_each_block_and_have_the_gradient_of_the_soft_one():
    scores = torch.randn(5, 3, 4, dtype=torch.double, requires_grad=True)
    weight = torch.randn(5, 3, 4, dtype=torch.double)
    masks, grads = [], []
    for hard_share in (0.0, 1.0):
        torch.manual_seed(2)
        mask = training_mask(scores, 0.1, hard_share)
        torch.testing.assert_close(mask.sum(dim=2), torch.ones(5, 3, dtype=torch.double))
        masks.append(mask.detach())
        grads.append(torch.autograd.grad((mask * weight).sum(), scores)[0])
    assert not torch.equal(masks[0], masks[0].round())
    torch.testing.assert_close(masks[1], masks[1].round())
    assert torch.equal(masks[0].argmax(dim=2), masks[1].argmax(dim=2))
    torch.testing.assert_close(grads[0], grads[1])
    assert grads[0].any()


def test_the_share_of_hard_batches_is_the_one_asked_for():
    torch.manual_seed(0)
    scores = torch.zeros(1, 1, 4)
    hard = sum(float(training_mask(scores, 1.0, 0.3).max()) > 0.9999 for _ in range(2000))
    # 600 expected, with a standard deviation of 20
    assert 500 < hard < 700


def test_noise_comes_from_the_global_generator():
    ffn = layer().train()
    x = torch.randn(9, 6, dtype=torch.double)
    outputs = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        outputs.append(ffn(x))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("block", [4, 32])
def test_outputs_of_evaluation_start_with_the_variance_of_a_dense_layer(block):
    torch.manual_seed(0)
    ffn = ControllerFFN(64, 1024, 256, block=block, rank=8).eval()
    dense = torch.nn.Sequential(
        torch.nn.Linear(64, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 256)
    )
    x = torch.randn(512, 64)
    with torch.no_grad():
        assert float(ffn(x).std()) == pytest.approx(float(dense(x).std()), rel=0.15)


def test_declared_costs_are_the_exact_counts():
    ffn = ControllerFFN(6, 12, 5, block=4, rank=2)
    # controller: 6 * 2 + 2 * 12 weights, 12 biases; 3 of 12 units with 6 + 1 + 5; 5 biases
    assert ffn.cost() == Cost(
        48 + 12 * 12 + 5, 48 + 3 * 12 + 5, 2 * 36 + 2 * 3 * 11, 2 * 36 + 2 * 12 * 11
    )
    assert ffn.cost().params_total == sum(p.numel() for p in ffn.parameters())


def test_torch_counts_the_declared_flops_in_evaluation_and_in_training():
    ffn, x = layer(), torch.randn(8, 6, dtype=torch.double)
    for training, declared in ((False, ffn.cost().flops), (True, ffn.cost().flops_executed)):
        ffn.train(training)
        with FlopCounterMode(display=False) as counter:
            ffn(x)
        assert counter.get_total_flops() == 8 * declared


def test_a_state_dict_and_a_copy_bring_back_everything():
    ffn, other = layer(), ControllerFFN(6, 12, 5, block=4, rank=2).double().eval()
    other.load_state_dict(ffn.state_dict())
    x = torch.randn(9, 6, dtype=torch.double)
    for again in (other, copy.deepcopy(ffn)):
        assert torch.equal(again(x), ffn(x))


@pytest.mark.parametrize("grad", [True, False])
def test_autocast_and_half_precision_give_nearly_the_same(grad):
    ffn, x = layer().float(), torch.randn(9, 6)
    wanted = ffn(x)
    with torch.set_grad_enabled(grad):
        units = chosen_units(ffn.controller(x))
        weights = (ffn.up, ffn.up_bias, ffn.down)
        with torch.autocast("cpu", torch.bfloat16):
            y = chosen.chosen_product(x, units, *weights)
        half = chosen.chosen_product(x.bfloat16(), units, *(w.bfloat16() for w in weights))
    torch.testing.assert_close(y + ffn.down_bias, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(half.float() + ffn.down_bias, wanted, rtol=3e-2, atol=3e-2)
    with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(grad):
        assert torch.isfinite(ffn(x)).all()
        assert torch.isfinite(ffn.train()(x)).all()


GOOD = {"block": 4, "rank": 2}


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"block": 5}, IncompatibleSettings, r"d_hidden=12 .* model\.block=5: .*d_hidden=10"),
        ({"block": 24}, IncompatibleSettings, r"d_hidden=12 .* model\.block=24: .*d_hidden=24"),
        ({"block": 0}, InvalidSetting, r"model\.block must be at least 1, got 0"),
        ({"rank": 0}, InvalidSetting, r"model\.rank must be at least 1, got 0"),
        ({"temperature": 0.0}, InvalidSetting, r"model\.temperature must be greater than 0"),
        ({"temperature": math.nan}, InvalidSetting, r"model\.temperature must be greater than 0"),
        ({"hard_share": 1.5}, InvalidSetting, r"model\.hard_share must be in \[0, 1\], got 1.5"),
        ({"dropout": 1.0}, InvalidSetting, r"dropout must be in"),
    ],
    ids=str,
)
def test_a_wrong_number_is_named_in_one_line(settings, error, words):
    with pytest.raises(error, match=words) as caught:
        ControllerFFN(6, 12, 5, **{**GOOD, **settings})
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
