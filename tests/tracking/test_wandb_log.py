"""The reader is the eye of the other tests, so it is tested on logs made here by hand."""

import struct
from pathlib import Path

import pytest
from wandb.proto.wandb_internal_pb2 import Record

from .wandb_log import BLOCK, HEADER, read


def fragments(payload: bytes, position: int) -> bytes:
    """One record as wandb lays it out from a position of the file on."""
    out, first = b"", True
    while first or payload:
        left = BLOCK - (position + len(out)) % BLOCK
        if left < 7:
            out += b"\0" * left
            continue
        part, payload = payload[: left - 7], payload[left - 7 :]
        kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}
        out += struct.pack("<IHB", 0, len(part), kind[first, not payload]) + part
        first = False
    return out


def history(step: int, size: int) -> bytes:
    record = Record()
    for key, value in (("trainer/global_step", step), ("a", size)):
        record.history.item.add(nested_key=[key], value_json=str(value))
    record.history.item.add(key="filler", value_json='"' + "x" * size + '"')
    return record.SerializeToString()


@pytest.mark.wandb_protocol
@pytest.mark.parametrize("shift", range(12))
def test_records_across_blocks_are_joined(tmp_path: Path, shift: int) -> None:
    sizes = [10, BLOCK - 100 + shift, 3 * BLOCK, 5]  # the shifts move the end over a block's rim
    log = HEADER
    for step, size in enumerate(sizes):
        log += fragments(history(step, size), len(log))
    file = tmp_path / "run-a.wandb"
    file.write_bytes(log)
    assert read(file).curve("a") == list(enumerate(sizes))
    file.write_bytes(log[:-3])
    assert read(file).curve("a") == list(enumerate(sizes[:-1]))


@pytest.mark.wandb_protocol
def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wandb").write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a log"):
        read(tmp_path / "a.wandb")
