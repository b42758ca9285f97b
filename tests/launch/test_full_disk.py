"""A disk that is full: here a limit on the size of files, which needs no rights."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from triptych import result

from .in_process import Prompt

TINY = ("debug=fast", "logger=csv", "trainer=cpu", "trainer.max_epochs=1")
ROOM = 60_000  # bytes of one file: more than a result, less than a checkpoint


@contextmanager
def full() -> Iterator[None]:
    """Inside, no file can be larger than ROOM."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_run_that_finds_no_room_says_so_in_one_line(prompt: Prompt) -> None:
    with full():
        answer = prompt.type("train.py", *TINY, "hydra.run.dir=r")
    assert answer.code == 1
    place = prompt.place / "r" / "checkpoints"
    assert answer.error.startswith(f"cannot write to {place}/best.ckpt: File too large; set hydra")
    assert "Traceback" not in answer.err
    assert result.read(prompt.place / "r" / "result.json").status == "failed"
    assert list(place.iterdir()) == []


def test_a_sweep_that_finds_no_room_loses_no_finished_job(prompt: Prompt) -> None:
    typed = ("-m", "seed=0", *TINY, "hydra.sweep.dir=s")
    assert prompt.type("train.py", *typed).code == 0
    kept = prompt.place / "s" / "0"
    files = [path for path in kept.rglob("*") if path.is_file() and ".hydra" not in path.parts]
    before = {path: path.read_bytes() for path in files}
    with full():
        answer = prompt.type("train.py", "sweep.resume=s")
    assert answer.code == 1
    assert answer.error.startswith("the sweep's page cannot be made: ")
    assert "File too large" in answer.error
    assert "done before: ffn-s0" in answer.out
    assert len(files) > 4
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize("text", ["short", "long" * ROOM])
def test_a_file_is_replaced_as_a_whole_or_not_at_all(prompt: Prompt, text: str) -> None:
    target = prompt.place / "file"
    result.write_whole(target, "old")
    with full():
        if len(text) > ROOM:
            with pytest.raises(OSError, match=f"File too large: '{target}'"):
                result.write_whole(target, text)
        else:
            result.write_whole(target, text)
    assert target.read_text() == (text if len(text) <= ROOM else "old")
    assert [path.name for path in prompt.place.iterdir()] == ["file"]
