from pathlib import Path

import pytest

from triptych.result import Result, Status, write
from triptych.sweep import finish
from triptych.sweep.note import Note


def note(folder: Path, jobs: int) -> None:
    Note(jobs, str(folder / "report"), [], []).write(folder)


def run(folder: Path, status: Status, seed: int) -> None:
    error = None if status in ("finished", "running") else {"type": "X", "message": "why"}
    metrics = {"test": {"test/acc": 0.5, "test/loss": 1.0}, "best": {"val/acc": 0.5}}
    finished = (
        {"metrics": metrics, "cost": dict.fromkeys(COST, 1.0)} if status == "finished" else {}
    )
    write(Result(status, f"ffn-s{seed}", "ffn", seed, error=error, **finished), folder / str(seed))


COST = ("params_total", "params_active", "flops", "flops_executed")


@pytest.mark.parametrize(
    ("jobs", "statuses", "line", "bad"),
    [
        (2, ["finished", "finished"], "2 done", 0),
        (2, ["finished", "skipped"], "1 done, 1 skipped", 0),
        (3, ["finished", "failed", "running"], "1 done, 2 failed", 2),
        (4, ["finished", "interrupted"], "1 done, 1 interrupted, 2 not started", 3),
        (2, ["failed", "skipped"], "0 done, 1 failed, 1 skipped", 1),
    ],
)
def test_a_sweep_ends_with_an_account_of_all_jobs(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    jobs: int,
    statuses: list[Status],
    line: str,
    bad: int,
) -> None:
    note(tmp_path, jobs)
    for seed, status in enumerate(statuses):
        run(tmp_path, status, seed)
    assert finish(tmp_path) == bad
    assert capsys.readouterr().out.splitlines()[-1] == line
    assert (tmp_path / "report" / "index.html").exists()


def test_a_sweep_in_which_nothing_ran_counts_all_jobs_as_missing(tmp_path: Path) -> None:
    note(tmp_path, 3)
    assert finish(tmp_path) == 3
    assert not (tmp_path / "report").exists()


def test_a_record_that_cannot_be_read_counts_as_failed_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note(tmp_path, 2)
    run(tmp_path, "finished", 0)
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "result.json").write_text("{half")
    assert finish(tmp_path) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 done, 1 failed"
