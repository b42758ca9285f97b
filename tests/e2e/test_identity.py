"""Which runs are one and the same for W&B: offline, its folders end in a run's identity."""

import pytest

from triptych.result import read, write

from .commands import Commands

pytestmark = pytest.mark.slow

OFFLINE = ("logger=wandb", "logger.wandb.mode=offline")


def seen(commands: Commands) -> list[str]:
    """The identities of all that was logged, in the order of its start."""
    folders = sorted(commands.place.glob("logs/wandb/offline-run-*"))
    return [folder.name.rpartition("-")[2] for folder in folders]


def test_a_job_of_a_repeated_sweep_stays_the_run_that_it_was(commands: Commands) -> None:
    sweep = commands.sweep("seed=0,1", *OFFLINE)
    assert sweep.code == 0, sweep.err
    first, second = (job.id for job in sweep.jobs)
    assert sorted(seen(commands)) == sorted([first, second])
    killed = sweep.jobs[1]
    killed.status = "running"
    write(killed, sweep.folder / "1")
    again = commands.script("train.py", f"sweep.resume={sweep.folder}", folder=sweep.folder)
    assert again.code == 0, again.err
    assert sorted(seen(commands)) == sorted([first, second, second])
    assert [job.id for job in again.jobs] == [first, second]


def test_a_run_in_a_used_folder_is_a_new_one_unless_it_goes_on_there(commands: Commands) -> None:
    settings = (*OFFLINE, "scheduler.T_max=3")
    for _ in range(2):
        assert commands.train(*settings).code == 0
    old, new = seen(commands)
    assert old != new
    last = commands.place / "run" / "checkpoints" / "last.ckpt"
    more = (*settings, "trainer.max_epochs=3", f"ckpt_path={last}")
    assert commands.train(*more).code == 0
    assert commands.train(*more, name="elsewhere").code == 0
    assert seen(commands)[:3] == [old, new, new]
    assert seen(commands)[3] not in (old, new)
    assert read(commands.place / "run" / "result.json").id == new
