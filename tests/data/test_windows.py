from itertools import chain

import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.data.order import GlobalBatches, Sequential, Shards
from triptych.data.windows import (
    NOTHING,
    SequentialPieces,
    ShuffledWindows,
    StreamedGlobalBatches,
    StreamedShards,
    lying,
)

sizes = st.integers(1, 60)


def rows_of(plan, first=0):
    """Row numbers of each batch."""
    kept, found = NOTHING, []
    for spans, places, sizes, keep in plan.chunks(first):
        there = torch.cat([kept, *(torch.arange(*span) for span in spans)])
        found += [part.tolist() for part in there[places].split(sizes)]
        kept = there[keep]
    return found


def all_rows(order, first=0):
    """One list for each piece."""
    return [lying(piece.spans)[piece.order].tolist() for piece in order.pieces(first)]


def planned(plan):
    """The same of a plan for memory."""
    return [part.tolist() for part in plan.rows().split(plan.sizes)]


@given(n=sizes, block=st.integers(1, 9), window=st.integers(1, 9), epoch=st.integers(0, 3))
def test_every_row_comes_once_an_epoch_and_within_its_window(n, block, window, epoch):
    order = ShuffledWindows(n, block, window, seed=0)
    order.set_epoch(epoch)
    pieces = list(order.pieces())
    assert sorted(chain.from_iterable(all_rows(order))) == list(range(n))
    for piece in pieces:
        assert sorted(piece.order.tolist()) == list(range(len(lying(piece.spans))))
        assert len(piece.spans) <= window
        assert all(end - first <= block for first, end in piece.spans)


def test_the_order_is_a_function_of_seed_and_epoch():
    def order(seed, epoch):
        windows = ShuffledWindows(1000, 10, 5, seed)
        windows.set_epoch(epoch)
        return windows.indices().tolist()

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(*place)) for place in ((0, 0), (0, 1), (1, 0))}) == 3


def test_blocks_are_permuted_over_the_file_and_rows_within_a_window():
    order = ShuffledWindows(10_000, 10, 50, 0)
    starts = [start for start, _ in next(order.pieces()).spans]
    assert max(starts) - min(starts) > 8_000  # of 50 uniform draws: at least with 1 - 1e-4
    assert len({start % 20 for start in starts}) > 1
    rows = torch.tensor(all_rows(order)[0])
    neighbours = (rows[1:] - rows[:-1] == 1).sum().item()
    assert neighbours < 10  # 1 is expected; 450 if blocks stayed whole


@given(n=sizes, block=st.integers(1, 9), window=st.integers(1, 4), first=st.integers(0, 70))
def test_an_order_can_begin_at_any_row(n, block, window, first):
    for order in (ShuffledWindows(n, block, window, 0), SequentialPieces(n, block)):
        whole, rest = (list(chain.from_iterable(all_rows(order, at))) for at in (0, first))
        assert rest == whole[first:]


@given(
    n=sizes,
    share=st.integers(1, 5),
    world=st.integers(1, 3),
    block=st.integers(1, 9),
    data=st.data(),
)
def test_streamed_batches_are_those_of_the_whole_order_from_any_batch_on(
    n, share, world, block, data
):
    batch_size = share * world
    rank = data.draw(st.integers(0, world - 1))
    order = ShuffledWindows(n, block, 2, 0)
    whole = planned(GlobalBatches(order, batch_size, rank, world)) if n >= world else []
    plan = StreamedGlobalBatches(order, batch_size, rank, world)
    assert len(plan) == len(whole)
    first = data.draw(st.integers(0, len(whole)))
    assert rows_of(plan, first) == whole[first:]


@given(n=sizes, share=st.integers(1, 5), size=st.integers(1, 9))
def test_streamed_batches_in_order_are_those_of_memory(n, share, size):
    streamed = StreamedGlobalBatches(SequentialPieces(n, size), share, 0, 1)
    assert rows_of(streamed) == planned(GlobalBatches(Sequential(n), share, 0, 1))


@given(
    n=sizes,
    largest=st.integers(2, 9),
    world=st.integers(1, 3),
    together=st.integers(1, 4),
    data=st.data(),
)
def test_streamed_shards_are_those_of_memory(n, largest, world, together, data):
    if n < world:
        return
    rank = data.draw(st.integers(0, world - 1))
    whole = planned(Shards(n, largest, rank, world))
    plan = StreamedShards(n, largest, rank, world, together)
    first = data.draw(st.integers(0, len(whole)))
    assert len(plan) == len(whole)
    assert rows_of(plan, first) == whole[first:]


def test_a_batch_may_be_larger_than_a_window():
    order = ShuffledWindows(103, 5, 3, 0)
    found = rows_of(StreamedGlobalBatches(order, 50, 0, 1))
    assert found == planned(GlobalBatches(order, 50, 0, 1))
    assert [len(batch) for batch in found] == [50, 50, 3]
