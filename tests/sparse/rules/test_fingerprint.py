import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.sparse import fingerprint, uniform_mask

from .views import stream

MODULUS = 2**64


def slow(masks: list[torch.Tensor]) -> int:
    """SplitMix64 of each place, in whole numbers without a limit."""
    total = 0
    for place in np.concatenate([mask.flatten().numpy() for mask in masks]).nonzero()[0]:
        z = (int(place) + 1) * 0x9E3779B97F4A7C15 % MODULUS
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % MODULUS
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % MODULUS
        total += z ^ (z >> 31)
    return total % MODULUS


@given(st.integers(0, 500), st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1))
def test_it_is_the_sum_of_a_known_hash(seed, shapes):
    masks = [uniform_mask(*shape, 0.5, stream(seed)) for shape in shapes]
    assert int(fingerprint(masks)) % MODULUS == slow(masks)


def test_the_hash_is_that_of_its_authors():
    """The first number of SplitMix64 from seed 0."""
    assert int(fingerprint([torch.ones(1, 1) > 0])) % MODULUS == 0xE220A8397B1DCDAF


def test_one_weight_that_stands_elsewhere_or_a_pair_of_layers_in_another_order_is_seen():
    masks = [uniform_mask(8, 8, 0.5, stream(seed)) for seed in range(2)]
    seen = {int(fingerprint(masks)), int(fingerprint(masks[::-1])), int(fingerprint(masks[:1]))}
    flat = masks[0].flatten()
    there, free = flat.nonzero()[0], (~flat).nonzero()[0]
    flat[there], flat[free] = False, True
    assert len(seen | {int(fingerprint(masks))}) == 4
