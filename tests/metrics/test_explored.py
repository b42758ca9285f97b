import io
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from triptych.metrics import MaskHistory
from triptych.sparse import packed, unpacked

WIDTH = 12
places = st.sets(st.integers(0, WIDTH - 1))


def mask(live: set[int]) -> Tensor:
    flat = torch.zeros(WIDTH, dtype=torch.bool)
    flat[sorted(live)] = True
    return flat.view(3, 4)


@given(st.lists(places, min_size=1, max_size=5), st.lists(places, min_size=1, max_size=5))
def test_explored_is_the_union_of_all_masks(first: list[set[int]], second: list[set[int]]) -> None:
    history = MaskHistory()
    for name, steps in (("a", first), ("b", second)):
        for live in steps:
            history.note({name: mask(live)})
    unions = [set().union(*steps) for steps in (first, second)]
    assert history.explored() == {"a": len(unions[0]) / WIDTH, "b": len(unions[1]) / WIDTH}
    assert history.explored_in_all() == pytest.approx(sum(map(len, unions)) / (2 * WIDTH))


@given(st.lists(places, min_size=2, max_size=6))
def test_churn_is_the_share_of_weights_that_updates_removed(steps: list[set[int]]) -> None:
    history = MaskHistory()
    for old, new in pairwise(steps):
        history.update({"a": mask(old)}, {"a": mask(new)})
    moved = sum(len(old - new) for old, new in pairwise(steps))
    weights = sum(map(len, steps[:-1]))
    assert history.take_churn() == (moved / weights if weights else None)
    assert history.take_churn() is None


def test_masks_are_not_held_but_copied() -> None:
    live, history = mask({0}), MaskHistory()
    history.note({"a": live})
    live.fill_(True)
    assert history.explored() == {"a": 1 / WIDTH}


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_packed_masks_take_a_bit_for_a_place_and_come_back(live: list[bool]) -> None:
    flat = torch.tensor(live)
    bits = packed(flat)
    assert (bits.dtype, len(bits)) == (torch.uint8, math.ceil(len(live) / 8))
    # By hand: the first place is the lowest bit of the first byte.
    value = sum(2**place for place, alive in enumerate(live) if alive)
    assert bytes(bits.tolist()) == value.to_bytes(len(bits), "little")
    assert torch.equal(unpacked(bits, [len(live)]), flat)


@given(st.lists(places, min_size=2, max_size=5), places)
def test_a_history_goes_on_from_a_file_without_code(steps: list[set[int]], last: set[int]) -> None:
    whole = MaskHistory()
    for old, new in pairwise(steps):
        whole.update({"a": mask(old)}, {"a": mask(new)})
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    file.seek(0)
    resumed = MaskHistory()
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for history in (whole, resumed):
        history.update({"a": mask(steps[-1])}, {"a": mask(last)})
    assert resumed.explored() == whole.explored()
    assert resumed.take_churn() == whole.take_churn()
