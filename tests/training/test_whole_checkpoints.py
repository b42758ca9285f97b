import os
import signal
import time
from multiprocessing import get_context, set_forkserver_preload
from pathlib import Path

import pytest
import torch
from lightning.pytorch.plugins import TorchCheckpointIO

from triptych.run.build import build_trainer
from triptych.training import WholeCheckpoints

from ..composed import composed

NUMBERS = 2_000_000  # of which one checkpoint consists


def content(value: int) -> dict[str, torch.Tensor]:
    return {"all alike": torch.full((NUMBERS,), value)}


def write_for_ever(path: Path, io: type[TorchCheckpointIO]) -> None:
    value = 1
    while True:
        io().save_checkpoint(content(value), path)
        value += 1


def test_runs_write_whole_checkpoints(tmp_path: Path) -> None:
    strategy = build_trainer(composed(), [], [], str(tmp_path)).strategy
    assert isinstance(strategy.checkpoint_io, WholeCheckpoints)


def test_the_folder_is_made_and_holds_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    for value in (1, 2):
        WholeCheckpoints().save_checkpoint(content(value), path)
    assert os.listdir(path.parent) == ["last.ckpt"]
    assert int(torch.load(path)["all alike"][0]) == 2


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint(content(1), path)
    with pytest.raises(AttributeError):  # of a function that cannot be pickled
        WholeCheckpoints().save_checkpoint({"all alike": lambda: 0}, path)
    assert int(torch.load(path)["all alike"][0]) == 1


@pytest.mark.parametrize("delay", [0.002, 0.009])
def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "last.ckpt"
    set_forkserver_preload(["triptych.run.build"])  # as in other tests: there is one server
    process = get_context("forkserver").Process(
        target=write_for_ever, args=(path, WholeCheckpoints)
    )
    process.start()
    while not path.exists():
        time.sleep(0.001)
    time.sleep(delay)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    numbers = torch.load(path)["all alike"]
    assert torch.equal(numbers, numbers[:1].expand(NUMBERS))
