import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import InvalidSetting
from triptych.sparse import live_weights, uniform_mask


def drawn(d_out: int, d_in: int, sparsity: float, seed: int = 0) -> torch.Tensor:
    return uniform_mask(d_out, d_in, sparsity, torch.Generator().manual_seed(seed))


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 0.999), st.integers(0, 100))
def test_a_mask_has_exactly_the_weights_that_its_sparsity_allows(d_out, d_in, sparsity, seed):
    mask = drawn(d_out, d_in, sparsity, seed)
    assert mask.shape == (d_out, d_in)
    assert mask.dtype == torch.bool
    assert int(mask.sum()) == live_weights(d_out * d_in, sparsity)
    assert abs(int(mask.sum()) - (1 - sparsity) * d_out * d_in) <= 0.5 + 1e-9


def test_all_masks_of_a_layer_are_equally_likely():
    """2 of 4 places: each of the 6 masks in a sixth of 3000 draws, within 5 standard deviations."""
    counts: dict[tuple[bool, ...], int] = {}
    generator = torch.Generator().manual_seed(0)
    for _ in range(3000):
        key = tuple(uniform_mask(2, 2, 0.5, generator).flatten().tolist())
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 6
    assert all(abs(n - 500) < 5 * (3000 * 1 / 6 * 5 / 6) ** 0.5 for n in counts.values())


def test_the_same_generator_state_gives_the_same_mask_and_the_next_one_differs():
    assert torch.equal(drawn(8, 8, 0.5), drawn(8, 8, 0.5))
    assert not torch.equal(drawn(8, 8, 0.5), drawn(8, 8, 0.5, seed=1))
    generator = torch.Generator().manual_seed(0)
    assert not torch.equal(uniform_mask(8, 8, 0.5, generator), uniform_mask(8, 8, 0.5, generator))


def test_a_mask_does_not_touch_the_global_generator():
    state = torch.get_rng_state()
    drawn(8, 8, 0.5)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, 1.5, float("nan")])
def test_a_sparsity_that_no_layer_can_have_is_named(sparsity):
    with pytest.raises(InvalidSetting, match=r"sparsity must be in \[0, 1\)"):
        drawn(4, 4, sparsity)
