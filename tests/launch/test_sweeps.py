"""A sweep outlives its bad jobs, and refuses at once what would only fail at its end."""

import json
from pathlib import Path

import pytest

from triptych import result

from .in_process import Prompt

TINY = ("debug=fast", "trainer.max_epochs=1", "logger=none", "trainer=cpu", "hydra.sweep.dir=s")


def test_a_value_that_cannot_be_resolved_fails_its_own_job_only(prompt: Prompt) -> None:
    answer = prompt.type("train.py", "-m", "model.lr=${foo.bar},0.001", *TINY)
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "1 done, 1 failed"
    (line,) = [line for line in answer.err.splitlines() if line.startswith("failed ")]
    assert line.endswith("model.lr: Interpolation key 'foo.bar' not found")
    bad = result.read(prompt.place / "s" / "0" / "result.json")
    assert bad.status == "failed"
    assert "Traceback" not in answer.err


def test_jobs_may_have_a_working_directory_of_their_own(prompt: Prompt) -> None:
    answer = prompt.type("train.py", "-m", "seed=0", "hydra.job.chdir=true", *TINY)
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "1 done")
    assert "run 1 of 1: ffn, seed 0" in answer.err


def test_a_job_counts_itself_without_the_note_of_its_sweep(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triptych.sweep.FILE", "elsewhere/sweep.json")
    monkeypatch.setattr("triptych.sweep.SweepCallback.on_multirun_start", lambda *a, **k: None)
    answer = prompt.type("train.py", "-m", "seed=0", *TINY)
    assert answer.code == 0
    assert "run 1: ffn, seed 0" in answer.err


def test_a_page_that_could_not_be_written_is_refused_before_training(prompt: Prompt) -> None:
    answer = prompt.type("train.py", "-m", "seed=0", "sweep.report=/dev/null/x", *TINY)
    assert answer.code == 1
    assert answer.error.startswith("sweep.report=/dev/null/x cannot be written to")
    assert list(prompt.place.rglob(result.FILE)) == []


def test_a_page_that_cannot_be_written_after_all_is_one_line(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    from triptych import sweep

    def note_elsewhere(folder: Path, text: str) -> Path:
        content = json.loads(text) | {"report": "/dev/null/x"}
        folder.write_text(json.dumps(content))
        return folder

    monkeypatch.setattr(sweep.results, "write_whole", note_elsewhere)
    monkeypatch.setattr("triptych.result.write", lambda *a: None)
    run = prompt.place / "s" / "7" / "result.json"
    run.parent.mkdir(parents=True)
    run.write_text(
        json.dumps({"schema": 1, "status": "skipped", "name": "a", "panel": "ffn", "seed": 0})
    )
    answer = prompt.type("train.py", "-m", "seed=0", "model.lr=-1", *TINY)
    assert answer.code == 1
    assert "/dev/null" in answer.error
    assert "Traceback" not in answer.err
