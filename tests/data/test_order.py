import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triptych.data.order import GlobalBatches, Permuted, Sequential, Shards

WORLDS = st.integers(1, 5)


@st.composite
def training(draw):
    world = draw(WORLDS)
    return draw(st.integers(world, 200)), world * draw(st.integers(1, 12)), world


def batches(plan):
    return [part.tolist() for part in plan.rows().split(plan.sizes)]


@given(training(), st.integers(0, 3))
def test_slices_of_all_ranks_put_together_are_the_global_batches_of_one_process(case, epoch):
    n, batch_size, world = case
    order = Permuted(n, seed=0)
    order.set_epoch(epoch)
    alone = batches(GlobalBatches(order, batch_size, 0, 1))
    ranks = [batches(GlobalBatches(order, batch_size, rank, world)) for rank in range(world)]
    assert len({len(rank) for rank in ranks}) == 1
    for step, slices in enumerate(zip(*ranks, strict=True)):
        assert len({len(part) for part in slices}) == 1
        together = [row for part in slices for row in part]
        assert together == alone[step][: len(together)]
        if len(alone[step]) == batch_size:
            assert together == alone[step]


@given(training())
def test_an_epoch_reads_each_row_once_but_for_fewer_than_world(case):
    n, batch_size, world = case
    plans = [GlobalBatches(Permuted(n, 1), batch_size, rank, world) for rank in range(world)]
    read = torch.cat([plan.rows() for plan in plans]).tolist()
    assert len(set(read)) == len(read)
    assert n - len(read) == n % batch_size % world < world


@given(st.integers(1, 300), WORLDS, st.integers(2, 50))
def test_shards_are_disjoint_cover_all_rows_and_have_equally_many_batches(n, world, largest):
    plans = [Shards(n, largest, rank, world) for rank in range(world)]
    read = torch.cat([plan.rows() for plan in plans])
    assert read.tolist() == list(range(n))
    assert len({len(plan.sizes) for plan in plans}) == 1
    assert all(sum(plan.sizes) == len(plan.rows()) for plan in plans)
    sizes = [size for plan in plans for size in plan.sizes]
    assert max(sizes) <= largest
    if n >= world:
        assert min(sizes) >= 1


def test_permutations_differ_between_epochs_and_seeds_and_repeat_within():
    def permutation(seed, epoch):
        order = Permuted(50, seed)
        order.set_epoch(epoch)
        return order.indices().tolist()

    assert permutation(0, 0) == permutation(0, 0)
    assert sorted(permutation(0, 0)) == list(range(50))
    assert len({tuple(permutation(s, e)) for s in range(3) for e in range(3)}) == 9


def test_the_order_does_not_depend_on_the_global_generator():
    torch.manual_seed(0)
    first = Permuted(50, 0).indices()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert torch.equal(first, Permuted(50, 0).indices())
    assert torch.equal(state, torch.get_rng_state())


def test_an_undivided_global_batch_is_a_mistake_of_the_caller():
    with pytest.raises(AssertionError, match="must divide"):
        GlobalBatches(Sequential(10), 5, 0, 2)
