from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.metrics import LoadTally
from triptych.metrics.tally import COUNT_EVERY
from triptych.moe import Routing

from .batches import routed

BATCHES = st.lists(
    st.tuples(st.integers(0, 6), st.booleans(), st.booleans(), st.booleans()), max_size=8
)


@given(BATCHES, st.integers(0, 99))
def test_it_counts_what_each_batch_says_of_itself(batches, seed):
    """Masks may be there in some batches and absent in others."""
    tally = LoadTally(5)
    wanted, executed = torch.zeros(2, 5, dtype=torch.long)
    for place, (samples, *masks) in enumerate(batches):
        routing = routed(samples, 5, 2, seed + place, *masks)
        tally.note(routing)
        wanted += routing.load()
        executed += routing.executed_load()
    assert torch.equal(tally.take(), torch.stack([wanted, executed]))
    assert not tally.take().any()


@pytest.mark.parametrize("batches", [1, COUNT_EVERY, COUNT_EVERY + 1, 3 * COUNT_EVERY])
def test_a_long_epoch_is_counted_in_full_and_little_is_kept(batches):
    tally, routing = LoadTally(5), routed(4, 5, 2, 0)
    for _ in range(batches):
        tally.note(routing)
        assert len(tally._waiting) < COUNT_EVERY
    assert torch.equal(tally.take()[0], batches * routing.load())


def test_it_holds_no_graph_of_a_past_step():
    logits = torch.randn(4, 5, requires_grad=True)
    probs = torch.softmax(logits, dim=1)
    gates, experts = probs.topk(2)
    tally = LoadTally(5)
    tally.note(replace(Routing(experts, gates, probs, logits), kept=gates > 0.3))
    kept = [part for note in tally._waiting for part in note if part is not None]
    assert kept
    assert not any(part.requires_grad for part in kept)
