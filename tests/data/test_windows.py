import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.data.order import GlobalBatches, Sequential, Shards
from triptych.data.windows import (
    SequentialPieces,
    ShuffledWindows,
    StreamedGlobalBatches,
    StreamedShards,
)

sizes = st.integers(1, 60)


def rows_of(plan, first=0):
    """Row numbers of each batch."""
    chunks = plan.chunks(first)
    return [part.tolist() for rows, size, _ in chunks for part in rows.split(size)]


def planned(plan):
    """The same of a plan for memory."""
    return [part.tolist() for part in plan.rows().split(plan.sizes)]


@given(n=sizes, block=st.integers(1, 9), window=st.integers(1, 9), epoch=st.integers(0, 3))
def test_every_row_comes_once_an_epoch_and_within_its_window(n, block, window, epoch):
    order = ShuffledWindows(n, block, window, seed=0)
    order.set_epoch(epoch)
    pieces = list(order.pieces())
    assert sorted(torch.cat([piece.rows for piece in pieces]).tolist()) == list(range(n))
    for piece in pieces:
        lying = [row for first, end in piece.spans for row in range(first, end)]
        assert sorted(piece.rows.tolist()) == sorted(lying)
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
    first = next(ShuffledWindows(10_000, 10, 50, 0).pieces())
    starts = [start for start, _ in first.spans]
    assert starts != sorted(starts)
    assert max(starts) - min(starts) > 8_000  # of 50 uniform draws: at least with 1 - 1e-4
    rows = first.rows
    neighbours = (rows[1:] - rows[:-1] == 1).sum().item()
    assert neighbours < 10  # 1 is expected; 450 if blocks stayed whole


@given(n=sizes, block=st.integers(1, 9), window=st.integers(1, 4), first=st.integers(0, 70))
def test_an_order_can_begin_at_any_row(n, block, window, first):
    for order in (ShuffledWindows(n, block, window, 0), SequentialPieces(n, block)):
        whole, rest = (
            [row for piece in order.pieces(start) for row in piece.rows.tolist()]
            for start in (0, first)
        )
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


@pytest.mark.parametrize("batch_size", [4, 50])
def test_all_that_is_read_was_announced(batch_size):
    """With batches larger than a window too."""
    announced = set()
    for rows, _, spans in StreamedGlobalBatches(
        ShuffledWindows(103, 5, 3, 0), batch_size, 0, 1
    ).chunks():
        announced |= {row for first, end in spans for row in range(first, end)}
        assert set(rows.tolist()) <= announced
    assert announced == set(range(103))
