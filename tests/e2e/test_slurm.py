"""Runs and sweeps on a SLURM cluster, whose two machines are this one."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import Result, read

from .commands import ROOT, SMALL, TIMEOUT_S, Commands
from .slurm import Cluster, cluster
from .test_interruption import wait_until_none_survives

pytestmark = pytest.mark.slow

EPOCHS = 30
LONG = f"trainer.max_epochs={EPOCHS}"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("slurm") / "cluster") as made:
        yield made


def in_second_epoch(folder: Path, seconds: float = 120) -> None:
    """Waits for a checkpoint to go on from."""
    deadline = time.monotonic() + seconds
    while not (folder / "checkpoints" / "last.ckpt").exists():
        assert time.monotonic() < deadline, f"no second epoch after {seconds} s"
        time.sleep(0.05)


def check_whole(folder: Path) -> Result:
    """A finished run that was taken up again: nothing is lost, nothing is there twice."""
    result = read(folder / "result.json")
    assert result.status == "finished"
    assert result.resumed_from == str(folder / "checkpoints" / "last.ckpt")
    assert result.epochs == EPOCHS
    steps = pd.read_csv(folder / "metrics.csv")["step"].tolist()
    assert steps == [*range(3, 4 * EPOCHS, 4), 4 * EPOCHS]
    return result


def test_the_tasks_of_a_job_are_one_run_which_goes_on_when_the_job_does(
    slurm: Cluster, tmp_path: Path
) -> None:
    """Two machines, one process on each; the job is warned, as before its time is over."""
    for name in ("train.py", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = str(ROOT / "scripts" / "train.sbatch")
    needs = ("--nodes=2", "--output=out.txt", f"--export=ALL,PYTHON={sys.executable}")
    typed = ("model=moe", *SMALL, LONG)
    job = slurm.run("sbatch", "--parsable", *needs, script, *typed, place=tmp_path)
    folder = tmp_path / "logs" / "train" / "runs" / f"slurm-{job}"
    in_second_epoch(folder)
    slurm.run("scancel", "--signal=USR1", job)
    slurm.start_soon(job)
    assert read(folder / "result.json").status == "interrupted"
    assert slurm.wait(job, "COMPLETED", "FAILED") == "COMPLETED"
    said = (tmp_path / "out.txt").read_text()
    assert said.splitlines().count("preempted") == 1
    assert "Traceback" not in said
    assert check_whole(folder).device["processes"] == 2
    assert [f.name for f in folder.parent.iterdir()] == [folder.name]


def test_a_job_of_a_sweep_goes_back_in_the_queue_and_on_from_its_last_checkpoint(
    slurm: Cluster, tmp_path: Path
) -> None:
    commands, folder = Commands(tmp_path, slurm.variables), tmp_path / "sweep"
    typed = ("-m", "seed=0", *SMALL, LONG, "hydra/launcher=slurm", f"hydra.sweep.dir={folder}")
    process, mark = commands.start("train.py", *typed, "hydra.launcher.timeout_min=5")
    try:
        in_second_epoch(folder / "0")
        (job,) = slurm.jobs()
        slurm.run("scancel", "--signal=USR2", job)
        slurm.start_soon(job)
        out, err = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "1 done"
    check_whole(folder / "0")
    wait_until_none_survives(mark)
