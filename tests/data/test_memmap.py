import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from lightning import Callback, Trainer

from triptych.data import MemmapData, MultimodalData, Samples, write_names, write_split
from triptych.data.loader import TensorBatches
from triptych.data.order import GlobalBatches
from triptych.data.windows import ShuffledWindows
from triptych.errors import InvalidSetting

from .test_module import fit, flat, placed, rows

SIZES = {"train": 103, "val": 31, "test": 17}


def numbered(n):
    row = torch.arange(n)
    return Samples(row[:, None] + torch.tensor([0.0, 0.5]), row % 3, row)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "data"
    write_names(place, ["a", "b", "c"], [f"row {row}" for row in range(103)])
    for split, n in SIZES.items():
        write_split(place, split, numbered(n))
    return place


def data(folder, seed=0, batch_size=8, block=4, window=3):
    return MemmapData(seed, str(folder), batch_size, block, window)


def test_what_is_written_is_what_the_splits_are(folder):
    found = data(folder)
    assert (found.in_dim, found.classes, len(found.families)) == (2, ["a", "b", "c"], 103)
    for part, n in zip(found.splits, SIZES.values(), strict=True):
        for values, written in zip(part, numbered(n), strict=True):
            assert torch.equal(values, written)
            assert values.dtype == written.dtype


def test_features_class_and_family_stay_together(folder):
    for x, y, family in data(folder).train_dataloader():
        assert torch.equal(x[:, 0].long(), family)
        assert torch.equal(family % 3, y)


def test_the_batches_are_those_of_memory_in_the_same_order(folder):
    order = ShuffledWindows(103, 4, 3, seed=5)
    order.set_epoch(2)
    in_memory = TensorBatches(numbered(103), GlobalBatches(order, 8, 0, 1))
    streamed = data(folder, seed=5).train_dataloader()
    streamed.batch_sampler.sampler.set_epoch(2)
    for batch, other in zip(streamed, in_memory, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(batch, other, strict=True))


def test_a_trainer_gets_each_row_once_an_epoch_in_a_new_order(folder, tmp_path):
    seen = fit(tmp_path, 3, data(folder))[0].seen
    epochs = [flat(seen[epoch]) for epoch in range(3)]
    assert all(sorted(epoch) == list(range(103)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_validation_and_test_are_read_in_order(folder):
    found = data(folder)
    assert flat(rows(found.val_dataloader())) == list(range(31))
    assert flat(rows(found.test_dataloader())) == list(range(17))


def test_overfitting_a_few_batches_repeats_the_same_ones(folder, tmp_path):
    seen = fit(tmp_path, 2, data(folder), overfit_batches=2)[0].seen
    assert seen[0] == seen[1] == [list(range(8)), list(range(8, 16))]


def test_two_processes_read_the_global_batches_of_one(folder):
    alone = rows(data(folder).train_dataloader())
    left, right = (rows(placed(data(folder), rank, 2).train_dataloader()) for rank in (0, 1))
    together = [a + b for a, b in zip(left, right, strict=True)]
    assert together[:-1] == alone[:-1]
    # 103 = 12 * 8 + 7: of the last 7 each of two gets 3
    assert together[-1] == alone[-1][:6]
    assert len(set(flat(together))) == 102


@pytest.mark.parametrize("after", [1, 5, 13])
def test_an_epoch_goes_on_where_it_was_left(folder, after):
    whole = rows(data(folder).train_dataloader())
    first, second = data(folder).train_dataloader(), data(folder).train_dataloader()
    batches = iter(first)
    before = [next(batches).family.tolist() for _ in range(after)]
    second.load_state_dict(first.state_dict())
    assert second.state_dict() == {"next": after % 13}
    if after < len(whole):
        assert before + rows(second) == whole
    assert rows(second) == whole


class SavedAt(Callback):
    """Writes a checkpoint after a step."""

    def __init__(self, step, file):
        self.step, self.file = step, file

    def on_train_batch_end(self, trainer, *args, **kwargs):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.file)


def test_a_fit_that_was_left_within_an_epoch_goes_on_there(folder, tmp_path):
    file = tmp_path / "step18.ckpt"
    whole = fit(tmp_path, 3, data(folder), callbacks=[SavedAt(18, file)])[0].seen
    rest = fit(tmp_path, 3, data(folder), ckpt_path=file)[0].seen
    assert rest == {1: whole[1][5:], 2: whole[2]}  # 13 batches an epoch


def test_what_masks_are_chosen_by_is_one_window(folder):
    found = data(folder).example()
    assert len(found.y) in (12, 11)  # 3 blocks of 4, or with the last one of 3
    assert torch.equal(found.x[:, 0].long(), found.family)


def test_the_default_block_is_a_quarter_of_a_mebibyte(tmp_path):
    write_names(tmp_path, ["a", "b"], ["a"])
    for split in SIZES:
        write_split(tmp_path, split, Samples(torch.zeros(70, 1 << 14), *torch.zeros(2, 70).long()))
    assert len(MemmapData(0, str(tmp_path), window=2).example().y) == 2 * 4  # rows of 64 KiB


def test_tensors_on_the_files_can_be_written_into_without_changing_them(folder):
    data(folder).splits.train.x[0] = -1
    assert torch.equal(data(folder).splits.train.x, numbered(103).x)


def refused(folder, **settings):
    with pytest.raises(InvalidSetting) as caught:
        _ = data(folder, **settings).splits
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_folder_that_was_not_named_is_asked_for():
    with pytest.raises(InvalidSetting, match=r"^data\.path=null: data=memmap needs the folder"):
        MemmapData(0, None)


@pytest.mark.parametrize("file", ["names.json", "train_x.npy", "val_y.npy", "test_family.npy"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    assert refused(folder) == f"data.path: {folder / file}: No such file or directory"


@pytest.mark.parametrize(
    ("kind", "array", "words"),
    [
        ("x", np.zeros((31, 2)), "must hold a float32 array with 2 axes, has float64 of shape"),
        ("x", np.zeros(31, np.float32), "with 2 axes, has float32 of shape (31,)"),
        ("y", np.zeros(31, np.int32), "must hold a int64 array with 1 axis, has int32 of shape"),
        ("x", np.zeros((31, 2), np.float32, "F"), "stored column by column; save it in C order"),
        ("x", np.zeros((31, 3), np.float32), "has 3 features, train_x.npy has 2"),
        ("y", np.zeros(30, np.int64), "has 30 rows, val_x.npy has 31"),
        ("family", np.zeros(32, np.int64), "has 32 rows, val_x.npy has 31"),
        ("y", np.full(31, 3), "has 3 in row 0; names.json has 3, so it must be in [0, 3)"),
        ("y", np.arange(31) - 30, "has -30 in row 0"),
    ],
)
def test_a_file_that_is_of_another_kind_is_named(folder, kind, array, words):
    file = folder / f"val_{kind}.npy"
    np.save(file, array)
    line = refused(folder)
    assert line.startswith(f"data.path: {file} ")
    assert words in line


def test_files_without_numbers_are_refused(folder):
    write_split(folder, "test", numbered(0))
    assert refused(folder) == f"data.path: {folder / 'test_x.npy'} holds no numbers"


def test_a_file_that_is_cut_off_or_no_array_is_named(folder):
    file = folder / "train_x.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert refused(folder) == f"data.path: {file} is cut off: 823 bytes of 824"
    file.write_bytes(b"x,y\n" * 9)
    assert refused(folder) == f"data.path: {file} is no .npy file"


@pytest.mark.parametrize(
    ("names", "key"),
    [
        ({"classes": ["a", "a"], "families": ["a"]}, "classes"),
        ({"classes": ["a"], "families": ["a"]}, "classes"),
        ({"classes": ["a", "b"]}, "families"),
        ({"classes": ["a", "b"], "families": [float("nan")]}, "families"),
        ([1], "classes"),
    ],
)
def test_names_that_are_none_are_refused(folder, names, key):
    (folder / "names.json").write_text(json.dumps(names))
    assert f"{folder / 'names.json'} must have a list '{key}' of" in refused(folder)


@pytest.mark.parametrize(("key", "value"), [("block", 0), ("window", 0)])
def test_a_window_without_rows_is_refused(folder, key, value):
    assert refused(folder, **{key: value}).startswith(f"data.{key}={value} must be at least 1")


ONE_EPOCH = """
import sys
from triptych.data import MemmapData

def anonymous():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

data = MemmapData(0, sys.argv[1], batch_size=256, window=4)
data.setup("fit")
loader = data.train_dataloader()
before, most, rows = anonymous(), 0.0, 0
for number, batch in enumerate(loader):
    rows += len(batch.y)
    if number % 100 == 0:
        most = max(most, anonymous())
print(rows, most - before)
"""


def test_memory_is_bounded_whatever_the_size_of_the_files(tmp_path):
    """A real process; pages of the files do not count, as the system takes them back at will."""
    n, width = 400_000, 128  # 205 MB
    write_names(tmp_path, ["a", "b"], ["a", "b"])
    for split, rows_ in {"train": n, "val": 9, "test": 9}.items():
        y = torch.arange(rows_) % 2
        write_split(tmp_path, split, Samples(torch.zeros(rows_, width), y, y))
    done = subprocess.run(
        [sys.executable, "-c", ONE_EPOCH, str(tmp_path)], capture_output=True, text=True, check=True
    )
    read, mib = done.stdout.split()
    assert int(read) == n
    assert float(mib) < 60  # of 195: three windows of 1 MiB, and what the allocator keeps


def test_training_on_files_is_training_in_memory(tmp_path):
    """The same net, the same order: weights equal to the bit."""
    from triptych.run.build import build_module

    from ..composed import composed

    source = MultimodalData(seed=0, n_train=300, n_val=50, n_test=50)
    write_names(tmp_path, source.classes, source.families)
    for split, part in source.splits._asdict().items():
        write_split(tmp_path, split, part)
    streamed = MemmapData(0, str(tmp_path), 32, block=16, window=4)
    order = ShuffledWindows(300, 16, 4, 0)
    in_memory = TensorBatches(source.splits.train, GlobalBatches(order, 32, 0, 1))
    weights = []
    for loader in (streamed.train_dataloader(), in_memory):
        module = build_module(composed("model=ffn"), source)
        trainer = Trainer(
            max_epochs=3, accelerator="cpu", logger=False, enable_progress_bar=False,
            enable_model_summary=False, enable_checkpointing=False, default_root_dir=tmp_path,
        )  # fmt: skip
        torch.manual_seed(0)
        trainer.fit(module, loader, streamed.val_dataloader())
        weights.append(torch.cat([p.detach().flatten() for p in module.parameters()]))
    assert torch.equal(*weights)
