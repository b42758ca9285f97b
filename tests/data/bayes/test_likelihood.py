import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from triptych.data.bayes.likelihood import (
    hopeless,
    log_amplitude,
    log_amplitude_bound,
    log_noise,
    log_normal_mass,
    log_sums,
)


def test_the_mass_of_a_normal_law_is_right_in_the_middle_and_far_out():
    low = torch.tensor([-1.0, 2.0, -30.0, 30.0, -40.0]).double()
    high = torch.tensor([1.0, 3.0, -29.0, 31.0, 40.0]).double()
    middle = math.log(norm.cdf(1) - norm.cdf(-1)), math.log(norm.sf(2) - norm.sf(3))
    # beyond 29 and 30 lies next to nothing but what is right there
    expected = [*middle, norm.logcdf(-29), norm.logcdf(-30), 0.0]
    assert log_normal_mass(low, high).tolist() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("projection", [-3.0, 0.2, 1.7, 40.0])
def test_the_integral_over_the_amplitude_is_that_of_its_integrand(projection):
    energy, low, high, noise = 2.3, 0.5, 1.5, 0.4

    def exponent(a):
        return (projection * a - 0.5 * energy * a**2) / noise**2

    peak = max(map(exponent, np.linspace(low, high, 1001)))
    integral = quad(lambda a: math.exp(exponent(a) - peak) / (high - low), low, high)[0]
    arguments = torch.tensor(projection).double(), torch.tensor(energy).double()
    exact = log_amplitude(*arguments, low, high, noise).item()
    assert exact == pytest.approx(peak + math.log(integral), rel=1e-6)
    assert log_amplitude_bound(*arguments, low, high, noise).item() == pytest.approx(peak, abs=1e-4)


def test_noise_has_the_density_of_independent_normals():
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).double()
    expected = norm.logpdf(x.numpy(), scale=0.7).sum(1)
    assert log_noise(x, 0.7).numpy() == pytest.approx(expected)


def test_sums_of_logs_survive_large_values_and_empty_places():
    values = torch.tensor([1000.0, 1000.0, -1000.0]).double()
    sums = log_sums(values, torch.tensor([0, 0, 3]), 4)
    assert sums.tolist() == [1000 + math.log(2), -math.inf, -math.inf, -1000.0]


def test_noise_around_a_signal_is_not_hopeless_and_another_signal_is():
    x = torch.randn(1000, 32, generator=torch.Generator().manual_seed(0)).double()
    assert not hopeless(x, torch.zeros(1000), 1.0).any()
    assert hopeless(x + 5, torch.zeros(1000), 1.0).all()
