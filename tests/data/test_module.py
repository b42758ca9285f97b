import subprocess
import sys
from itertools import chain
from types import SimpleNamespace

import pytest
import torch
from lightning import LightningModule, Trainer

from triptych.data.module import InMemoryData, Splits
from triptych.data.signals import Samples
from triptych.errors import InvalidSetting


class Numbered(InMemoryData):
    """The feature of a sample is its row number, so that a test can see what is read."""

    in_dim = 1
    classes = property(lambda self: ["only"])
    families = classes

    def __init__(self, seed=0, batch_size=4, n=22, n_val=10):
        super().__init__(seed, batch_size)
        self.sizes = (n, n_val, 7)
        self.calls = 0

    def generate(self):
        self.calls += 1
        return Splits(
            *(
                Samples(torch.arange(n)[:, None].float(), torch.zeros(n).long(), torch.arange(n))
                for n in self.sizes
            )
        )


class Reader(LightningModule):
    """Notes which rows it is given in each epoch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: dict[int, list[list[int]]] = {}
        self.validated: list[int] = []

    def training_step(self, batch, _):
        self.seen.setdefault(self.current_epoch, []).append(batch.family.tolist())
        return (self.weight * batch.x).mean()

    def validation_step(self, batch, _):
        self.validated += batch.family.tolist()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(tmp_path, max_epochs, data=None, ckpt_path=None, **options):
    reader = Reader()
    trainer = Trainer(
        max_epochs=max_epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        default_root_dir=tmp_path,
        **options,
    )
    trainer.fit(reader, data or Numbered(), ckpt_path=ckpt_path, weights_only=True)
    return reader, trainer


def placed(data, rank, world, overfit_batches=0.0):
    data.trainer = SimpleNamespace(
        global_rank=rank, world_size=world, overfit_batches=overfit_batches
    )
    return data


def rows(loader):
    return [batch.family.tolist() for batch in loader]


def flat(lists):
    return list(chain.from_iterable(lists))


def test_a_trainer_gets_each_training_row_once_an_epoch_in_a_new_order(tmp_path):
    seen = fit(tmp_path, 3)[0].seen
    epochs = [flat(seen[epoch]) for epoch in range(3)]
    assert all(sorted(epoch) == list(range(22)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert [len(batch) for batch in seen[0]] == [4, 4, 4, 4, 4, 2]


@pytest.mark.parametrize("stop", [1, 2])
def test_a_resumed_run_reads_the_same_batches_as_an_uninterrupted_one(tmp_path, stop):
    whole = fit(tmp_path, 4)[0].seen
    fit(tmp_path, stop)[1].save_checkpoint(tmp_path / "stopped.ckpt")
    resumed = fit(tmp_path, 4, ckpt_path=tmp_path / "stopped.ckpt")[0].seen
    assert resumed == {epoch: whole[epoch] for epoch in range(stop, 4)}


def test_reloading_the_loader_every_epoch_reads_the_same_batches(tmp_path):
    whole = fit(tmp_path, 3)[0].seen
    assert fit(tmp_path, 3, reload_dataloaders_every_n_epochs=1)[0].seen == whole


def test_validation_reads_every_row_once_in_order(tmp_path):
    assert fit(tmp_path, 1)[0].validated == list(range(10))


def test_overfitting_a_few_batches_repeats_the_same_ones(tmp_path):
    seen = fit(tmp_path, 3, overfit_batches=2)[0].seen
    assert seen[0] == seen[1] == seen[2] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_data_are_made_once(tmp_path):
    data = Numbered()
    assert data.calls == 0
    _, trainer = fit(tmp_path, 2, data)
    trainer.validate(Reader(), data, verbose=False)
    assert data.calls == 1


def test_without_a_trainer_there_is_one_process():
    assert sorted(flat(rows(Numbered().train_dataloader()))) == list(range(22))
    assert rows(Numbered().test_dataloader()) == [list(range(7))]


def test_two_processes_read_the_global_batches_of_one():
    alone = rows(Numbered().train_dataloader())
    left, right = (rows(placed(Numbered(), rank, 2).train_dataloader()) for rank in (0, 1))
    assert [a + b for a, b in zip(left, right, strict=True)] == alone


def test_validation_and_test_shards_cover_everything_with_equally_many_batches():
    for split in ("val_dataloader", "test_dataloader"):
        parts = [rows(getattr(placed(Numbered(), rank, 3), split)()) for rank in range(3)]
        whole = rows(getattr(Numbered(), split)())
        assert flat(flat(parts)) == flat(whole)
        assert len({len(part) for part in parts}) == 1


@pytest.mark.parametrize(
    ("batch_size", "world", "remedy"), [(128, 3, "use 126 or 129"), (2, 4, "use 4")]
)
def test_a_batch_that_cannot_be_divided_is_refused_with_the_nearest_that_can(
    batch_size, world, remedy
):
    data = placed(Numbered(batch_size=batch_size), 0, world)
    with pytest.raises(InvalidSetting) as caught:
        data.setup("fit")
    line = f"data.batch_size={batch_size} cannot be divided over {world} devices: "
    assert str(caught.value) == f"{line}it counts samples over all devices; {remedy}"


def test_fewer_samples_than_devices_are_refused():
    data = placed(Numbered(batch_size=4, n_val=3), 0, 4)
    with pytest.raises(InvalidSetting, match="the val split has 3 samples for 4 devices"):
        data.setup("fit")


def test_a_batch_size_below_1_is_refused():
    with pytest.raises(InvalidSetting, match=r"data\.batch_size=0 must be at least 1"):
        Numbered(batch_size=0)


TWO_PROCESSES = """
import sys, torch
from pathlib import Path
from lightning import LightningModule, Trainer
from triptych.data import MultimodalData

class Reader(LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = {"train": [], "val": []}
    def training_step(self, batch, _):
        self.seen["train"].append(batch.x)
        return (self.weight * batch.x).mean()
    def validation_step(self, batch, _):
        self.seen["val"].append(batch.x)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)
    def on_train_end(self):
        torch.save(self.seen, Path(sys.argv[1]) / f"{self.trainer.global_rank}.pt")

if __name__ == "__main__":
    devices = int(sys.argv[2])
    trainer = Trainer(
        accelerator="cpu", devices=devices, strategy="ddp" if devices > 1 else "auto",
        max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, default_root_dir=sys.argv[1],
    )
    trainer.fit(Reader(), MultimodalData(seed=0, n_train=402, n_val=91, batch_size=64))
"""


@pytest.mark.slow
def test_two_real_processes_read_what_one_reads(tmp_path):
    script = tmp_path / "fit.py"
    script.write_text(TWO_PROCESSES)
    for devices in ("1", "2"):
        (tmp_path / devices).mkdir()
        command = [sys.executable, str(script), str(tmp_path / devices), devices]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    alone = torch.load(tmp_path / "1" / "0.pt")
    left, right = (torch.load(tmp_path / "2" / f"{rank}.pt") for rank in (0, 1))
    pairs = zip(left["train"], right["train"], strict=True)
    together = [torch.cat(pair) for pair in pairs]
    assert len(together) == len(alone["train"]) == 2 * 7
    assert all(torch.equal(a, b) for a, b in zip(together, alone["train"], strict=True))
    val = [torch.cat([left["val"][epoch], right["val"][epoch]]) for epoch in (0, 1)]
    assert torch.equal(val[0], alone["val"][0])
    assert len(left["val"]) == len(right["val"]) == 2
