from pathlib import Path

import pytest

from triptych.errors import InvalidSetting
from triptych.result import Result, Status, write
from triptych.sweep import earlier, retyped
from triptych.sweep.note import Note

OLD = ["model=ffn,moe", "seed=0,1", "sweep.fail_fast=true"]
ABOUT_HYDRA = ["hydra/launcher=joblib", "hydra.mode=MULTIRUN", "hydra.sweep.dir=elsewhere"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Note(4, "there", [*OLD, "sweep.resume=x"], ABOUT_HYDRA).write(tmp_path)
    return tmp_path


def test_a_command_that_resumes_nothing_stays_as_it_is() -> None:
    for typed in (["-m", "seed=0,1"], [], ["-m", "sweep.resume=null"], ["sweep.resume="]):
        assert retyped(typed) == typed


def test_a_folder_alone_stands_for_the_command_of_its_sweep(folder: Path) -> None:
    asked = f"sweep.resume={folder}"
    whole = [*OLD, "hydra/launcher=joblib", asked]
    assert retyped([asked]) == ["--multirun", *whole]
    assert retyped(["-m", asked]) == ["-m", *whole]
    later = "sweep.fail_fast=false"
    assert retyped(["--multirun", asked, later]) == ["--multirun", *whole, later]


def test_a_command_that_is_typed_in_full_is_taken_as_it_is(folder: Path) -> None:
    asked = f"sweep.resume={folder}"
    typed = ["-m", "seed=0,1", asked]
    assert retyped(typed) == ["-m", "seed=0,1", "hydra/launcher=joblib", asked]


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"sweep.resume=.*: there is no sweep.json"):
        retyped([f"sweep.resume={tmp_path}"])


def record(folder: Path, status: Status, config_hash: str = "a") -> None:
    write(Result(status, "ffn-s0", "ffn", 0, config_hash=config_hash), folder)


def checkpoint(folder: Path) -> Path:
    last = folder / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    last.touch()
    return last


def test_a_finished_job_is_done(tmp_path: Path) -> None:
    record(tmp_path, "finished")
    before = earlier(tmp_path, "a")
    assert before is not None
    assert before.is_done


@pytest.mark.parametrize("status", ["running", "failed", "interrupted", "skipped"])
def test_another_goes_on_from_its_last_checkpoint(tmp_path: Path, status: Status) -> None:
    record(tmp_path, status)
    before = earlier(tmp_path, "a")
    assert before is not None
    assert (before.is_done, before.checkpoint) == (False, None)
    last = checkpoint(tmp_path)
    again = earlier(tmp_path, "a")
    assert again is not None
    assert again.checkpoint == last


def test_a_job_of_which_nothing_is_known_is_new(tmp_path: Path) -> None:
    assert earlier(tmp_path / "none", "a") is None
    checkpoint(tmp_path)
    (tmp_path / "result.json").write_text("{half")
    assert earlier(tmp_path, "a") is None


def test_of_other_settings_only_what_is_finished_is_kept_safe(tmp_path: Path) -> None:
    record(tmp_path, "failed", "b")
    checkpoint(tmp_path)
    assert earlier(tmp_path, "a") is None
    record(tmp_path, "finished", "b")
    with pytest.raises(InvalidSetting, match="holds a finished run of other settings"):
        earlier(tmp_path, "a")
