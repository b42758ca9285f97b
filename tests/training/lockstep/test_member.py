"""One replica while it trains with others."""

from typing import Any

import torch

from triptych.errors import TrainingDiverged
from triptych.training import BestCheckpoint, LockstepData, LockstepModule, Member, Meter, Patience

from ..tiny import BATCHES, SAMPLES, pair, trainer
from .side_by_side import TINY, Notes

EPOCHS = 4


def member(*overrides: str, clip: float | None = None, ends: Any = (), mode: str = "max") -> Member:
    module, data = pair(*TINY, *overrides)
    data.setup("fit")
    best = BestCheckpoint("unused", "val/acc" if mode == "max" else "val/loss", mode)
    return Member(module, data, [Notes()], best, ends, clip, Meter())


def trained(*members: Member) -> None:
    data: Any = [member.data for member in members]
    module = LockstepModule(members, [range(len(members))])
    trainer(max_epochs=EPOCHS).fit(module, LockstepData(data))


def rows(one: Member, key: str) -> list[float]:
    (notes,) = one.trainer.loggers
    return [row[key] for _, row in notes.rows if key in row]


def test_the_best_epoch_is_kept_as_it_was_then() -> None:
    """Of each its own; the first of equals."""
    most, least = member("seed=0", "model.lr=0.02"), member("seed=1", "model.lr=0.3", mode="min")
    trained(most, least)
    for one, key, best in ((most, "val/acc", max), (least, "val/loss", min)):
        seen = rows(one, key)
        assert len(seen) == EPOCHS
        assert float(one.best_score) == best(seen)
        assert one.best_state["epoch"] == seen.index(best(seen))
        assert one.best_state["global_step"] == BATCHES * (1 + seen.index(best(seen)))
        assert one.best_state["metrics"][key] == best(seen)
        assert (one.epochs, one.steps) == (EPOCHS, EPOCHS * BATCHES)
    assert least.best_state["epoch"] < EPOCHS - 1  # a rate that makes it worse later
    last = least.module.state_dict()
    kept = least.best_state["state_dict"]
    assert not all(torch.equal(value, last[name]) for name, value in kept.items())


def test_a_net_that_is_not_yet_as_sparse_as_it_will_be_is_no_best() -> None:
    common = ("model=sparse", "model/rule=pruning", "model.rule.every=2")
    one = member(*common)
    trained(one, member(*common, "seed=1"))
    assert one.best_state["epoch"] >= 2  # three quarters of the training
    assert one.best_state["panel"]["optimizer_steps"] == one.best_state["global_step"]


def test_a_replica_that_ended_logs_no_more() -> None:
    short = member("model.lr=1e-9", ends=[Patience(1, 0.0, "val/acc", "max")])
    long = member("seed=1")
    trained(short, long)
    assert not short.trains
    assert short.failure is None
    assert long.trains
    assert (short.epochs, long.epochs) == (2, EPOCHS)
    assert short.best_state["epoch"] == 0  # of two equals
    assert len(rows(short, "val/acc")) == 2
    assert len(rows(long, "val/acc")) == EPOCHS


def test_a_replica_that_failed_is_not_trained() -> None:
    one = member()
    assert one.trains
    one.failure = TrainingDiverged("it did")
    assert not one.trains


def test_what_is_ones_own_is_not_that_of_the_others() -> None:
    one, two = member(), member("seed=1", ends=[Patience(1, 0.0, "val/acc", "max")])
    trained(one, two)
    assert one.trainer.callback_metrics is not two.trainer.callback_metrics
    assert one.trainer.max_epochs == two.trainer.max_epochs == EPOCHS
    assert one.trainer.group is two.trainer.group
    assert one.trainer.callback_metrics["val/loss"] != two.trainer.callback_metrics["val/loss"]


def test_each_is_charged_with_all_of_its_own_samples() -> None:
    """And with a share of the time, as its clock was told."""
    each = [member(f"seed={r}") for r in range(2)]
    trained(*each)
    assert [one.meter.samples for one in each] == [EPOCHS * SAMPLES] * 2
    assert rows(each[0], "compute/train_flops") == rows(each[1], "compute/train_flops")


def test_sums_of_metrics_stay_in_double_precision() -> None:
    """A training in single precision makes the network single, and nothing else."""
    one = member()
    trained(one, member("seed=1"))
    assert {p.dtype for p in one.module.network.parameters()} == {torch.float32}
    assert one.module.val_mean.loss.dtype == torch.float64
