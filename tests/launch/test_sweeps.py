"""A sweep outlives its bad jobs, and refuses at once what would only fail at its end."""

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


def test_a_run_that_ends_early_is_done_and_says_so(prompt: Prompt) -> None:
    typed = ("callbacks=threshold", "callbacks.threshold.at={1:0.0},{1:2.0}")
    longer = (*TINY, "trainer.max_epochs=2")
    answer = prompt.type("train.py", "-m", *typed, *longer)
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "2 done, 1 of them ended early")
    whole, early = (result.read(prompt.place / "s" / job / "result.json") for job in "01")
    assert (whole.status, whole.epochs, whole.ended_early) == ("finished", 2, {})
    assert (early.status, early.epochs, early.ended_early["rule"]) == ("finished", 1, "threshold")
    reason = early.ended_early["reason"]
    told = [line for line in answer.out.splitlines() if line.startswith("ffn-s0: ")]
    assert [f", ended early: {reason}, in " in line for line in told] == [False, True]
    assert early.metrics["test"].keys() == whole.metrics["test"].keys()
    assert reason in (prompt.place / "s" / "jobs.csv").read_text()
    again = prompt.type("train.py", "sweep.resume=s")
    assert (again.code, again.out.splitlines()[-1]) == (0, "2 done, 1 of them ended early")
    assert result.read(prompt.place / "s" / "1" / "result.json").started == early.started


def test_a_job_counts_itself_without_the_note_of_its_sweep(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    monkeypatch.setattr("triptych.sweep.callback._report_folder", lambda s: Path("/dev/null/x"))
    answer = prompt.type("train.py", "-m", "seed=0", *TINY)
    assert answer.code == 1
    assert "/dev/null" in answer.error
    assert "Traceback" not in answer.err


def test_a_sweep_that_is_to_fail_fast_starts_no_job_after_a_failure(prompt: Prompt) -> None:
    typed = ("model.lr=0.001,1e9,0.002", "sweep.fail_fast=true")
    answer = prompt.type("train.py", "-m", *typed, *TINY)
    assert answer.code == 1
    assert answer.error == "sweep.fail_fast=true: no other job is started"
    assert answer.out.splitlines()[-1] == "1 done, 1 failed, 1 not started"
    assert "go on with: python train.py sweep.resume=s" in answer.out


def test_a_repeated_sweep_runs_only_what_is_not_done(prompt: Prompt) -> None:
    typed = ("-m", "model.lr=0.001,1e9", *TINY)
    first = prompt.type("train.py", *typed)
    assert first.out.splitlines()[-1] == "1 done, 1 failed"
    record = prompt.place / "s" / "0" / "result.json"
    before = record.read_bytes()
    for again in (typed, ("sweep.resume=s",)):
        answer = prompt.type("train.py", *again)
        assert answer.code == 1
        assert answer.out.splitlines()[-1] == "1 done, 1 failed"
        assert "done before: ffn-s0: test accuracy" in answer.out
        assert "run 1 of 2" not in answer.err
        assert record.read_bytes() == before


def test_a_sweep_whose_configuration_has_changed_loses_nothing(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt.type("train.py", "-m", "seed=0", *TINY)
    record = prompt.place / "s" / "0" / "result.json"
    before = record.read_bytes()
    monkeypatch.setattr("triptych.run.recorder.config_hash", lambda config: "other")
    answer = prompt.type("train.py", "sweep.resume=s")
    assert answer.code == 1
    assert "holds a finished run of other settings" in answer.err
    assert record.read_bytes() == before


def test_a_last_checkpoint_that_is_torn_is_named_and_the_job_starts_anew(prompt: Prompt) -> None:
    typed = ("-m", "seed=0", *TINY)
    prompt.type("train.py", *typed)
    folder = prompt.place / "s" / "0"
    whole = result.read(folder / "result.json")
    whole.status = "running"
    result.write(whole, folder)
    last = folder / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    answer = prompt.type("train.py", *typed)
    assert answer.code == 0, answer.err
    assert "ffn-s0 starts anew: ckpt_path=" in answer.err
    assert result.read(folder / "result.json").metrics["test"] == whole.metrics["test"]


def test_a_job_that_had_only_its_test_to_do_has_all_its_numbers(prompt: Prompt) -> None:
    typed = ("-m", "model=ffn,sparse,moe", *TINY)
    prompt.type("train.py", *typed)
    folders = [prompt.place / "s" / job for job in "012"]
    whole = [result.read(folder / "result.json") for folder in folders]
    for folder, before in zip(folders, whole, strict=True):
        killed = result.Result(
            "running", before.name, before.panel, 0, config_hash=before.config_hash
        )
        result.write(killed, folder)
    answer = prompt.type("train.py", *typed)
    assert answer.code == 0, answer.err
    for folder, before in zip(folders, whole, strict=True):
        again = result.read(folder / "result.json")
        assert again.resumed_from == str(folder / "checkpoints" / "last.ckpt")
        assert (again.epochs, again.steps) == (before.epochs, before.steps)
        assert again.metrics == before.metrics
        assert again.cost == before.cost
        assert again.tables.keys() == before.tables.keys()
        assert again.tables["confusion"] == before.tables["confusion"]
