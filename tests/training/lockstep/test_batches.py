"""The batches of all replicas side by side."""

from typing import Any

import pytest
import torch

from triptych.data import InMemoryData
from triptych.errors import IncompatibleSettings
from triptych.run.build import build_data
from triptych.training import LockstepData

from ...composed import composed
from ..tiny import SMALL


def data(seed: int, *overrides: str) -> InMemoryData:
    made = build_data(composed(*SMALL, f"seed={seed}", *overrides))
    assert isinstance(made, InMemoryData)
    made.setup("fit")
    return made


def epochs(loader: Any) -> list[list[Any]]:
    """Two, each begun as Lightning begins it."""
    found: list[list[Any]] = []
    for epoch in range(2):
        iterator = iter(loader)
        sampler = getattr(loader.batch_sampler, "sampler", None)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
        found.append(list(iterator))
    return found


@pytest.mark.parametrize("split", ["train", "val"])
def test_each_replica_gets_the_very_batches_that_it_would_get_alone(split: str) -> None:
    """Seven of an epoch, the last of them smaller; in training another order each epoch."""
    each = [data(seed) for seed in (3, 0, 5)]
    together = epochs(getattr(LockstepData(each), f"{split}_dataloader")())
    for r, own in enumerate(each):
        alone = epochs(getattr(own, f"{split}_dataloader")())
        for batches, expected in zip(together, alone, strict=True):
            assert len(batches) == len(expected)
            for batch, wanted in zip(batches, expected, strict=True):
                for part, value in zip(batch, wanted, strict=True):
                    assert torch.equal(part[r], value)
    first, second = (torch.cat([batch.y for batch in epoch], dim=1) for epoch in together)
    assert torch.equal(first, second) == (split == "val")


def test_a_trainer_knows_how_many_batches_there_are() -> None:
    loader = LockstepData([data(0), data(1)]).train_dataloader()
    assert len(loader) == 7
    assert [batch.x.shape[:2] for batch in loader] == [(2, 16)] * 6 + [(2, 8)]


@pytest.mark.parametrize(
    ("split", "override", "told"),
    [
        ("train", "data.n_train=112", r"train splits have \(104, 32\) and \(112, 32\) numbers"),
        ("val", "data.n_val=40", r"val splits have \(48, 32\) and \(40, 32\) numbers"),
        ("train", "data.seq_len=16", r"train splits have \(104, 32\) and \(104, 16\) numbers"),
    ],
)
def test_data_of_other_sizes_are_refused_in_one_line(split: str, override: str, told: str) -> None:
    loader = getattr(LockstepData([data(0), data(1, override)]), f"{split}_dataloader")
    with pytest.raises(IncompatibleSettings, match=told) as refused:
        loader()
    assert "\n" not in str(refused.value)


def test_batches_of_other_sizes_are_refused_by_their_sizes() -> None:
    beside = LockstepData([data(0), data(1, "data.batch_size=8")])
    with pytest.raises(IncompatibleSettings, match="in 7 and 13 batches"):
        beside.train_dataloader()
