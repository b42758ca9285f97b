"""Each family's likelihood against the signals that the family really makes."""

import dataclasses

import pytest
import torch
from torch import Generator

from triptych.data.attribute_families import ATTRIBUTE_FAMILIES
from triptych.data.bayes import Levels, Templates
from triptych.data.bayes.likelihood import log_noise
from triptych.data.families import FAMILIES

L, NOISE, DRAWS, BINS = 8, 0.6, 40_000, 4
ATTRIBUTES = {family.name: family for family in ATTRIBUTE_FAMILIES}


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def averaged(x, signals):
    """log of the mean density of `x` around `signals`, and its relative standard error."""
    logs = torch.stack([log_noise(row - signals.double(), NOISE) for row in x.double()])
    mean = logs.logsumexp(1) - torch.tensor(float(len(signals))).log()
    ratio = (logs - mean[:, None]).exp()
    return mean, ratio.std(1) / len(signals) ** 0.5


@pytest.mark.parametrize("name", FAMILIES)
def test_the_likelihood_is_the_mean_over_signals_drawn_at_random(name):
    family = FAMILIES[name]
    x = family.signal(12, L, generator(1))
    x = torch.cat([x + NOISE * torch.randn(x.shape, generator=generator(2)), 0 * x[:1]])
    mean, error = averaged(x, family.signal(DRAWS, L, generator(3)))
    assert error.max() < 0.2
    found = family.likelihood(x, NOISE)
    assert found.shape == (13, 1)
    assert ((found[:, 0] - mean).abs() < 4 * error + 1e-3).all()


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_the_likelihood_of_a_bin_is_the_mean_over_signals_with_their_latent_in_it(name):
    family = ATTRIBUTES[name]
    x = family.draw(8, L, generator(1)).signal
    x += NOISE * torch.randn(x.shape, generator=generator(2))
    signals, quantile = family.draw(DRAWS, L, generator(3))
    found = family.likelihood(BINS)(x, NOISE)
    assert found.shape == (8, BINS)
    for number in range(BINS):
        inside = signals[(quantile * BINS).long() == number]
        mean, error = averaged(x, inside)
        mean = mean + torch.tensor(len(inside) / DRAWS).log()
        # the share of the draws that lie in the bin is itself known to 1 %
        assert ((found[:, number] - mean).abs() < 4 * (error + 0.01)).all()


LIKELIHOODS = {name: family.likelihood for name, family in FAMILIES.items()} | {
    f"attribute {name}": family.likelihood(BINS) for name, family in ATTRIBUTES.items()
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_likelihood_of_two_points_integrates_to_one(name):
    if isinstance(LIKELIHOODS[name], Levels):
        pytest.skip("two points have no room for three steps")
    axis = torch.arange(-8, 8, 0.25).double() + 0.125
    x = torch.cartesian_prod(axis, axis)
    total = LIKELIHOODS[name](x, 0.4).exp().sum().item() * 0.25**2
    assert total == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", [n for n, o in LIKELIHOODS.items() if isinstance(o, Templates)])
def test_the_nodes_of_each_bin_share_the_prior_of_the_bin(name):
    likelihood = LIKELIHOODS[name]
    value, weight, number = likelihood.grid(17, 0.3, likelihood.bins)
    assert value.shape == (len(weight), 17)
    share = torch.zeros(likelihood.bins).double().index_add(0, number, weight)
    assert share.tolist() == pytest.approx([1 / likelihood.bins] * likelihood.bins, abs=2e-3)


@pytest.mark.parametrize("name", [n for n, one in LIKELIHOODS.items() if hasattr(one, "spacing")])
def test_twice_as_many_nodes_change_little(name):
    """At the usual length and noise, on signals of the family."""
    likelihood, family = LIKELIHOODS[name], name.removeprefix("attribute ")
    if name in FAMILIES:
        x = FAMILIES[family].signal(20, 32, generator())
    else:
        x = ATTRIBUTES[family].draw(20, 32, generator()).signal
    x += 0.08 * torch.randn(x.shape, generator=generator(1))
    finer = dataclasses.replace(likelihood, spacing=likelihood.spacing / 2)
    coarse, fine = likelihood(x, 0.08).softmax(1), finer(x, 0.08).softmax(1)
    assert (coarse - fine).abs().mean() < 2e-3
    if "saw" not in name:  # it jumps: its nodes are dense enough for a class, not for a density
        change = likelihood(x, 0.08).logsumexp(1) - finer(x, 0.08).logsumexp(1)
        assert change.abs().max() < 0.05


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_sample_is_judged_alike_alone_and_among_others(name):
    x = torch.randn(300, 12, generator=generator())
    together = LIKELIHOODS[name](x, 0.5)
    torch.testing.assert_close(LIKELIHOODS[name](x[290:], 0.5), together[290:])


@pytest.mark.parametrize(
    "name", ["sinusoid", "attribute bump", "attribute square", "attribute saw"]
)
def test_where_the_quadrature_would_be_too_large_there_is_no_answer(name):
    assert LIKELIHOODS[name](torch.zeros(1, 1000), 1e-3) is None
