"""Dropout has the law of torch's, from a stream that can be taken up anywhere."""

import pickle
from copy import deepcopy

import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from triptych.dropout import Dropout, Stream, dropouts, streams_kept
from triptych.errors import InvalidSetting

MANY = 1 << 20


def kept(p: float, seed: int = 0, count: int = MANY) -> torch.Tensor:
    return Stream(seed).keep(count, p, torch.float64)


def seeded(p: float, seed: int = 0) -> Dropout:
    layer = Dropout(p)
    layer.reseed(seed)
    return layer


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_of_zeros_is_p_and_the_mean_is_one(p: float) -> None:
    values = kept(p)
    error = (p * (1 - p) / MANY) ** 0.5
    assert abs(float((values == 0).double().mean()) - p) < 4 * error
    assert float(values.mean()) == pytest.approx(1, abs=4 * error / (1 - p))
    # E[k^2] - 1 = 1 / (1 - p) - 1
    assert float(values.var()) == pytest.approx(p / (1 - p), rel=0.02)
    assert len(values.unique()) == 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("apart", [1, 2, 3, 4, 5, 160])
def test_values_are_independent_of_those_before(seed: int, apart: int) -> None:
    zero = (kept(0.3, seed) == 0).long()
    pairs = torch.bincount(2 * zero[:-apart] + zero[apart:], minlength=4).view(2, 2)
    assert stats.chi2_contingency(pairs.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("width", [4, 7])
def test_every_pattern_of_neighbours_is_as_frequent_as_chance_makes_it(width: int) -> None:
    zero = (kept(0.5, 1) == 0).long()
    words = zero[: MANY // width * width].view(-1, width) @ (1 << torch.arange(width))
    assert stats.chisquare(torch.bincount(words, minlength=1 << width).numpy()).pvalue > 1e-3


def test_streams_of_two_seeds_are_independent() -> None:
    pairs = torch.bincount((kept(0.5, 1) == 0) + 2 * (kept(0.5, 2) == 0).long(), minlength=4)
    assert stats.chi2_contingency(pairs.view(2, 2).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("numerator", [1, 13_107, 32_768, 65_535])
def test_the_threshold_is_exact_to_the_last_number(numerator: int) -> None:
    """A value is 0 for as many of the 65,536 numbers as the multiple of 2^-16 says."""
    values = kept(numerator / 65_536)
    numbers = Stream(0)._take(MANY)
    assert torch.equal(values == 0, torch.from_numpy(numbers < numerator))
    assert float(values.max()) == pytest.approx(65_536 / (65_536 - numerator), rel=1e-12)


@pytest.mark.parametrize("p", [0.0, 1e-6, 0.1, 1 / 3, 0.999999])
def test_the_probability_is_the_nearest_that_16_bits_can_have(p: float) -> None:
    dropped = 1 - 1 / float(kept(p).max())  # as the scale makes up for
    assert abs(dropped - p) <= 2**-16
    assert dropped * 65_536 == pytest.approx(round(dropped * 65_536), abs=1e-6)


def test_the_numbers_are_one_sequence_whatever_the_requests() -> None:
    whole = kept(0.4, count=1000)
    for sizes in ([1000], [1] * 1000, [3, 0, 4, 500, 1, 2, 7, 483], [333, 333, 334]):
        stream = Stream(0)
        parts = [stream.keep(size, 0.4, torch.float64) for size in sizes]
        assert torch.equal(torch.cat(parts), whole)
        assert stream.position == 1000


@pytest.mark.parametrize("before", [0, 1, 2, 3, 4, 6, 101])
@pytest.mark.parametrize("skipped", [0, 1, 2, 3, 4, 5, 10, 4001])
def test_a_stream_that_skips_is_where_one_is_that_drew(before: int, skipped: int) -> None:
    drawn, skipping = Stream(5), Stream(5)
    for stream in (drawn, skipping):
        stream.keep(before, 0.5, torch.float32)
    drawn.keep(skipped, 0.5, torch.float32)
    skipping.skip(skipped)
    assert skipping.position == drawn.position == before + skipped
    assert torch.equal(*(s.keep(99, 0.5, torch.float32) for s in (drawn, skipping)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_values_come_in_the_precision_of_what_they_multiply(dtype: torch.dtype) -> None:
    x = torch.full((3, 5, 7), 2.0, dtype=dtype)
    y = seeded(0.5)(x)
    assert y.dtype == dtype
    assert y.shape == x.shape
    assert torch.equal(y.float(), seeded(0.5)(x.float()))
    assert set(y.unique().tolist()) == {0.0, 4.0}


def test_the_gradient_is_what_values_were_multiplied_by() -> None:
    layer, x = seeded(0.3), torch.randn(40, 6, dtype=torch.double, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad * x, y)
    assert torch.equal(x.grad, kept(0.3, count=240).view(40, 6))


def test_values_in_any_order_of_memory() -> None:
    x = torch.randn(6, 40)
    assert torch.equal(seeded(0.3)(x.t()), x.t() * seeded(0.3).factors((40, 6), x))


@pytest.mark.parametrize("layer", [Dropout(0.5).eval(), Dropout(0.0)])
def test_evaluation_and_no_dropout_change_nothing(layer: Dropout) -> None:
    x = torch.randn(9, 9)
    assert torch.equal(layer(x), x)


def test_torch_s_seed_decides_a_dropout_that_has_none() -> None:
    layer, x = Dropout(0.5), torch.ones(64)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append([layer(x), layer(x)])
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][0], found[0][1])
    assert not torch.equal(found[0][0], found[2][0])


def test_a_seed_of_its_own_makes_it_independent_of_torch_s() -> None:
    layer, x = seeded(0.5, 3), torch.ones(64)
    first = layer(x)
    state = torch.get_rng_state()
    second = layer(x)
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(first, second)
    layer.reseed(3)
    assert torch.equal(layer(x), first)


def test_activation_checkpointing_computes_again_what_there_was() -> None:
    layer, x = Dropout(0.5), torch.ones(64, requires_grad=True)
    y = checkpoint(layer, x, use_reentrant=False)
    assert isinstance(y, torch.Tensor)
    y.square().sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 2 * y.detach() ** 2)


@pytest.mark.parametrize("again", [deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_a_copy_goes_on_as_the_original_does(again) -> None:
    layer, x = seeded(0.5), torch.ones(33)
    layer(x)
    copied = again(layer)
    assert torch.equal(copied(x), layer(x))
    assert not layer.state_dict()


def test_dropouts_are_found_by_name() -> None:
    net = nn.Sequential(nn.Linear(2, 2), Dropout(0.1), nn.Sequential(Dropout(0.2), nn.ReLU()))
    assert {name: layer.p for name, layer in dropouts(net).items()} == {"1": 0.1, "2.0": 0.2}


def test_what_is_tried_out_leaves_no_trace() -> None:
    net, x = nn.Sequential(seeded(0.5), Dropout(0.5)), torch.ones(33)
    net(x)
    before = deepcopy(net)
    with streams_kept(net):
        tried = net[0](x)
        net[1].reseed(1)
    assert net[1].stream is None
    assert torch.equal(net[0](x), tried)
    assert torch.equal(before[0](x), tried)


@pytest.mark.parametrize("p", [1.0, -0.1, float("nan")])
def test_a_probability_that_no_layer_can_have_is_named(p: float) -> None:
    with pytest.raises(InvalidSetting, match="dropout must be in"):
        Dropout(p)


def test_compiled_it_is_torch_s() -> None:
    layer, x = seeded(0.5), torch.ones(64)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    torch.manual_seed(1)
    y = compiled(x)
    torch.manual_seed(1)
    assert torch.equal(y, F.dropout(x, 0.5))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_it_is_torch_s() -> None:
    layer, x = seeded(0.5), torch.ones(64, device="cuda")
    torch.manual_seed(1)
    y = layer(x)
    torch.manual_seed(1)
    assert torch.equal(y, F.dropout(x, 0.5))
