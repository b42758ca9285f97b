"""One split of a data set as memory-mapped `.npy` files, which may be larger than memory."""

import mmap
import os
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from triptych.data.signals import Samples
from triptych.data.windows import Spans
from triptych.errors import InvalidSetting

KINDS = {"x": ("float32", 2), "y": ("int64", 1), "family": ("int64", 1)}
"""What the files of a split hold: type and number of axes."""
LOOKED_AT = 1 << 20  # labels at a time


class Header(NamedTuple):
    """What the beginning of a file says.

    Attributes:
        shape: of its array.
        offset: bytes before the first number.
    """

    shape: tuple[int, ...]
    offset: int


def file_of(folder: Path, split: str, kind: str) -> Path:
    """Where a split keeps one of `KINDS`, as in `train_x.npy`."""
    return folder / f"{split}_{kind}.npy"


def read_header(file: Path, kind: str) -> Header:
    """Of a file that must hold one of `KINDS`, whole.

    Raises:
        InvalidSetting: with the file, what is wrong with it, and what must be.
    """
    dtype, axes = KINDS[kind]
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            shape, by_columns, found = read(stream)
            offset = stream.tell()
        there = file.stat().st_size - offset
    except OSError as error:
        raise InvalidSetting(f"data.path: {file}: {error.strerror}") from error
    except (ValueError, KeyError) as error:
        raise InvalidSetting(f"data.path: {file} is no .npy file") from error
    wanted = f"must hold a {dtype} array with {axes} {'axes' if axes > 1 else 'axis'}"
    if found != np.dtype(dtype) or len(shape) != axes:
        raise InvalidSetting(f"data.path: {file} {wanted}, has {found} of shape {shape}")
    if by_columns and axes > 1:
        raise InvalidSetting(f"data.path: {file} is stored column by column; save it in C order")
    needed = int(np.prod(shape, dtype=object)) * found.itemsize
    if there < needed:
        raise InvalidSetting(f"data.path: {file} is cut off: {there} bytes of {needed}")
    return Header(shape, offset)


@final
class MappedSamples:
    """Features, classes and families of a split, in three files of equal length.

    Nothing is read before it is asked for, and what has been read may leave memory again at any
    time: pages of the files are the system's.

    Args:
        folder: where they are.
        split: `train`, `val` or `test`.

    Raises:
        InvalidSetting: naming the file, if one is missing, is of another type or shape, or if their
            lengths differ.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self._files = {kind: file_of(folder, split, kind) for kind in KINDS}
        self._headers = {kind: read_header(file, kind) for kind, file in self._files.items()}
        self._maps: dict[str, mmap.mmap] = {}
        for kind, header in self._headers.items():
            if header.shape[0] != len(self):
                raise InvalidSetting(
                    f"data.path: {self._files[kind]} has {header.shape[0]:,} rows, "
                    f"{self._files['x'].name} has {len(self):,}"
                )

    def __len__(self) -> int:
        return self._headers["x"].shape[0]

    @property
    def file(self) -> Path:
        """Of the features."""
        return self._files["x"]

    @property
    def in_dim(self) -> int:
        """Features of a sample."""
        return self._headers["x"].shape[1]

    @property
    def samples(self) -> Samples:
        """All of it as tensors on the files: looking at some rows reads those rows. What is written
        into them stays in this process."""
        return Samples(*(self._tensor(kind) for kind in KINDS))

    def read(self, spans: Spans) -> Samples:
        """Some rows, in memory, in the order of the file."""
        return Samples(*(torch.cat([part[i:j] for i, j in spans]) for part in self.samples))

    def read_into(self, rows: Samples, start: int, spans: Spans) -> None:
        """The same, written over `rows` from `start` on."""
        for to, part in zip(rows, self.samples, strict=True):
            end = start
            for first, last in spans:
                begin, end = end, end + last - first
                to[begin:end] = part[first:last]

    def expect(self, spans: Spans) -> None:
        """Asks the system to begin reading these rows, and does not wait for them."""
        for kind, header in self._headers.items():
            opened = self._map(kind)
            row = (len(opened) - header.offset) // max(len(self), 1)
            for first, last in spans:
                start = (header.offset + first * row) // mmap.PAGESIZE * mmap.PAGESIZE
                opened.madvise(mmap.MADV_WILLNEED, start, header.offset + last * row - start)

    def check_range(self, kind: str, least: int, end: int) -> None:
        """Looks at all classes or families, some at a time.

        Raises:
            InvalidSetting: naming file and row of the first that is not in [least, end).
        """
        values = self._tensor(kind)
        for start in range(0, len(values), LOOKED_AT):
            some = values[start : start + LOOKED_AT]
            wrong = (some < least) | (some >= end)
            if wrong.any():
                place = int(wrong.nonzero()[0])
                raise InvalidSetting(
                    f"data.path: {self._files[kind]} has {int(some[place])} in row "
                    f"{start + place:,}; names.json has {end}, so it must be in [{least}, {end})"
                )

    def _tensor(self, kind: str) -> Tensor:
        header, (dtype, _) = self._headers[kind], KINDS[kind]
        array = np.ndarray(header.shape, dtype, self._map(kind), header.offset)
        return torch.from_numpy(array)

    def _map(self, kind: str) -> mmap.mmap:
        """Opened at first use: of a job's many processes some only ask for the sizes."""
        if kind not in self._maps:
            descriptor = os.open(self._files[kind], os.O_RDONLY)
            try:
                # Copied on writing: torch has no read-only tensors.
                self._maps[kind] = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
            finally:
                os.close(descriptor)
        return self._maps[kind]
