"""Data sets in `.npy` files, which may be larger than memory: `data=memmap data.path=FOLDER`.

A folder holds, for each split of `train`, `val` and `test`:

    train_x.npy         features, (n, D) float32, in C order
    train_y.npy         classes, (n,) int64
    train_family.npy    families, (n,) int64; the classes again where there are none
    names.json          {"classes": [...], "families": [...]}: a number is an index into these

`write_split` and `write_names` make one from arrays; `numpy.lib.format.open_memmap` writes files
that do not fit into memory.
"""

import json
from pathlib import Path
from typing import Any, final

import numpy as np

from triptych.data.mapped import KINDS, MappedSamples, file_of
from triptych.data.module import LARGEST_EVALUATION_BATCH, ClassificationData, Splits
from triptych.data.ranges import require
from triptych.data.signals import Samples
from triptych.data.stream import StreamedBatches
from triptych.data.windows import (
    Pieces,
    SequentialPieces,
    ShuffledWindows,
    StreamedGlobalBatches,
    StreamedShards,
)
from triptych.errors import InvalidSetting
from triptych.result import write_whole

NAMES = "names.json"
BLOCK_BYTES = 1 << 18
"""32 of them are 8 MiB: arrays of some 10 MiB and more come anew from the system each time, which
costs more than reading them from its cache."""


@final
class MemmapData(ClassificationData):
    """Features, classes and families in files. Values are used as they are: nothing is scaled.

    Memory holds three windows of `window` blocks, whatever the size of the files. The order of
    training, and what it is not, is described in `triptych.data.windows`.

    Args:
        seed: the seed of the run; the order of training is derived from it.
        path: the folder.
        batch_size: samples per optimizer step over all processes.
        block: consecutive rows that are read together; None for as many as make 256 KiB.
        window: blocks whose rows are shuffled together.

    Raises:
        InvalidSetting: for a file that is missing or has another type, shape or length than its
            neighbours, naming it; by `setup` for a class or family without a name.
    """

    def __init__(
        self,
        seed: int,
        path: str | None,
        batch_size: int = 128,
        block: int | None = None,
        window: int = 32,
    ) -> None:
        super().__init__(seed, batch_size)
        if path is None:
            raise InvalidSetting("data.path=null: data=memmap needs the folder of its .npy files")
        require(window >= 1, "window", window, "at least 1 block")
        whole = block is None or (isinstance(block, int) and block >= 1)
        require(whole, "block", block, "at least 1 row, or null for 256 KiB")
        folder = Path(path)
        self._names = _read_names(folder / NAMES)
        self._parts = {split: MappedSamples(folder, split) for split in Splits._fields}
        self._check_parts()
        self._block = block or max(BLOCK_BYTES // (4 * self.in_dim), 1)
        self._window = window

    @property
    def in_dim(self) -> int:
        """Features of a sample."""
        return self._parts["train"].in_dim

    @property
    def classes(self) -> list[str]:
        """As the folder names them."""
        return self._names["classes"]

    @property
    def families(self) -> list[str]:
        """As the folder names them."""
        return self._names["families"]

    def generate(self) -> Splits:
        """Tensors on the files; all labels are looked at, features are not."""
        for part in self._parts.values():
            part.check_range("y", 0, len(self.classes))
            part.check_range("family", 0, len(self.families))
        return Splits(**{split: part.samples for split, part in self._parts.items()})

    def shuffled(self, rank: int, world: int) -> StreamedBatches:
        """In blocks and windows."""
        return self._training(self._order(), rank, world)

    def in_order(self, rank: int, world: int) -> StreamedBatches:
        """As the rows stand."""
        rows = len(self._parts["train"])
        return self._training(SequentialPieces(rows, self._block * self._window), rank, world)

    def shard(self, split: str, rank: int, world: int) -> StreamedBatches:
        """In as few batches as `LARGEST_EVALUATION_BATCH` allows."""
        part, largest = self._parts[split], LARGEST_EVALUATION_BATCH
        together = max(self._block * self._window // largest, 1)
        return StreamedBatches(part, StreamedShards(len(part), largest, rank, world, together))

    def example(self) -> Samples:
        """The first window of the first epoch."""
        return self._parts["train"].read(next(self._order().pieces()).spans)

    def _order(self) -> ShuffledWindows:
        return ShuffledWindows(len(self._parts["train"]), self._block, self._window, self.seed)

    def _training(self, order: Pieces, rank: int, world: int) -> StreamedBatches:
        plan = StreamedGlobalBatches(order, self.batch_size, rank, world)
        return StreamedBatches(self._parts["train"], plan)

    def _check_parts(self) -> None:
        for part in self._parts.values():
            if len(part) == 0 or part.in_dim == 0:
                raise InvalidSetting(f"data.path: {part.file} holds no numbers")
            if part.in_dim != self.in_dim:
                raise InvalidSetting(
                    f"data.path: {part.file} has {part.in_dim} features, "
                    f"{self._parts['train'].file.name} has {self.in_dim}"
                )


def write_split(folder: Path, split: str, samples: Samples) -> None:
    """Writes one of `train`, `val` and `test` as `MemmapData` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, values in zip(KINDS, samples, strict=True):
        np.save(file_of(folder, split, kind), values.numpy())


def write_names(folder: Path, classes: list[str], families: list[str]) -> None:
    """Writes what the numbers in the files mean."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NAMES, json.dumps({"classes": classes, "families": families}) + "\n")


def _read_names(file: Path) -> dict[str, list[str]]:
    try:
        names: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSetting(f"data.path: {file}: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSetting(f"data.path: {file} is no JSON: {error}") from error
    for key, least in (("classes", 2), ("families", 1)):
        listed = names.get(key) if isinstance(names, dict) else None
        if not _are_names(listed, least):
            raise InvalidSetting(
                f"data.path: {file} must have a list '{key}' of {least} or more different names"
            )
    return names


def _are_names(listed: object, least: int) -> bool:
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        return False
    return len(set(listed)) == len(listed) >= least
