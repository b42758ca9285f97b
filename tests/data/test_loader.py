import torch

from triptych.data.loader import TensorBatches
from triptych.data.order import GlobalBatches, Permuted, Sequential, Shards
from triptych.data.signals import Samples


def numbered(n):
    rows = torch.arange(n)
    return Samples(rows[:, None].float(), rows * 10, rows * 100)


def test_batches_hold_the_rows_of_the_plan_in_its_sizes():
    loader = TensorBatches(numbered(7), GlobalBatches(Sequential(7), 3, 0, 1))
    assert [batch.x[:, 0].tolist() for batch in loader] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(loader) == 3


def test_features_class_and_family_stay_together_when_shuffled():
    for x, y, family in TensorBatches(numbered(50), GlobalBatches(Permuted(50, 0), 8, 0, 1)):
        assert torch.equal(x[:, 0].long() * 10, y)
        assert torch.equal(y * 10, family)


def test_an_epoch_set_after_iter_and_before_the_first_batch_counts():
    def rows(iterator):
        return torch.cat([batch.y for batch in iterator]).tolist()

    order = Permuted(50, 0)
    loader = TensorBatches(numbered(50), GlobalBatches(order, 8, 0, 1))
    first = rows(loader)
    early = iter(loader)
    order.set_epoch(1)
    assert rows(early) == rows(loader) != first


def test_a_large_evaluation_set_is_read_whole_in_order():
    loader = TensorBatches(numbered(10), Shards(10, 4, 0, 1))
    assert [batch.y.tolist() for batch in loader] == [[0, 10, 20, 30], [40, 50, 60], [70, 80, 90]]


def test_an_epoch_goes_on_where_it_was_left():
    def loader():
        return TensorBatches(numbered(20), GlobalBatches(Permuted(20, 0), 3, 0, 1))

    whole = [batch.y.tolist() for batch in loader()]
    first, second = loader(), loader()
    batches = iter(first)
    before = [next(batches).y.tolist() for _ in range(4)]
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == first.state_dict() == {"next": 4}
    assert before + [batch.y.tolist() for batch in second] == whole
    assert second.state_dict() == {"next": 0}
    assert [batch.y.tolist() for batch in second] == whole
