"""Trainings with trackers that keep their runs on this machine: the real clients, read back."""

import os
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from triptych.result import find

from ..tracking.stores import Kept, Read, mlflow_runs, trackio_runs
from .commands import Commands, Outcome
from .test_interruption import press_ctrl_c, stopped

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("mlflow", "trackio")),
        reason="needs mlflow-skinny and trackio",
    ),
]

BOTH = "logger=[mlflow,trackio]"
READERS = {"mlflow": mlflow_runs, "trackio": trackio_runs}
ENDS = {
    "mlflow": {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"},
    "trackio": {name: name for name in ("finished", "failed", "interrupted")},
}
each = pytest.mark.parametrize("tracker", READERS)

# Writes down whom a process asks, and hides from MLflow that this is a test: it would then behave.
LISTENING = """
import os, sys
for name in ("PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS"):
    os.environ.pop(name, None)
def heard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "webbrowser.open"):
        with open(os.environ["HEARD"], "a") as file:
            print(event, arguments, file=file)
sys.addaudithook(heard)
"""
MISSING = "import sys; sys.modules['{}'] = None"


def at_start(commands: Commands, program: str, **variables: str) -> Commands:
    """Commands whose interpreters run a program before anything else."""
    place = commands.place / f"start{len(list(commands.place.glob('start*')))}"
    place.mkdir(parents=True)
    (place / "sitecustomize.py").write_text(program)
    path = os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH")]))
    return Commands(commands.place, {"PYTHONPATH": path, **variables})


def kept(commands: Commands, tracker: str) -> list[Kept]:
    read: Read = READERS[tracker]
    return read(commands.place / "logs")


@pytest.fixture(scope="module")
def alone(shared: Commands) -> Callable[[str], Outcome]:
    """A run with one tracker, as a user starts it; who was asked is in `heard` beside it."""
    done: dict[str, Outcome] = {}

    def run(tracker: str) -> Outcome:
        if tracker not in done:
            heard = shared.place / f"{tracker}.heard"
            commands = at_start(shared, LISTENING, HEARD=str(heard), HF_TOKEN="hf_nobody")
            done[tracker] = commands.train("model=moe", f"logger={tracker}", name=tracker)
            assert done[tracker].code == 0, done[tracker].err
        return done[tracker]

    return run


@each
def test_all_numbers_settings_and_tables_of_a_run_are_kept(
    shared: Commands, alone: Callable[[str], Outcome], tracker: str
) -> None:
    outcome = alone(tracker)
    (run,) = kept(shared, tracker)
    assert run.numbers == outcome.numbers
    assert {step for step, _ in run.numbers} == {3, 7, 8}
    result = outcome.result
    assert (run.id, run.name, run.group) == (result.id, "moe-s0", None)
    assert run.status == ENDS[tracker]["finished"]
    assert str(run.settings["model.top_k"]) == str(result.config["model"]["top_k"])
    assert str(run.settings["data.n_train"]) == str(result.config["data"]["n_train"])
    assert run.tables.keys() == {"confusion", "classes", "calibration", "routing"}
    samples = sum(row["samples"] for row in run.tables["confusion"])
    assert samples == sum(map(sum, result.tables["confusion"]))


@each
def test_nobody_is_asked_and_nothing_is_said(
    shared: Commands, alone: Callable[[str], Outcome], tracker: str
) -> None:
    outcome = alone(tracker)
    assert not (shared.place / f"{tracker}.heard").exists()
    words = (outcome.out + outcome.err).lower()
    assert "mlflow" not in words.replace(str(outcome.folder), "")
    assert "trackio" not in words.replace(str(outcome.folder), "")
    assert not (shared.place / "mlruns").exists()


@each
def test_a_run_that_goes_on_in_its_folder_stays_one(
    shared: Commands, alone: Callable[[str], Outcome], tracker: str
) -> None:
    last = alone(tracker).folder / "checkpoints" / "last.ckpt"
    again = shared.train("model=moe", f"logger={tracker}", f"ckpt_path={last}", name=tracker)
    assert again.code == 0, again.err
    (run,) = kept(shared, tracker)
    assert run.status == ENDS[tracker]["finished"]
    # The test was repeated, and took its own time.
    fixed = {place for place in again.numbers if not place[1].startswith("time/")}
    assert {place: run.numbers[place] for place in fixed} == {
        place: again.numbers[place] for place in fixed
    }


@pytest.fixture(scope="module")
def sweep(shared: Commands) -> Outcome:
    """One job fails, two are at work at a time, and nobody has made the stores yet."""
    commands = Commands(shared.place / "sweep", python=shared.python)
    side_by_side = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    return commands.sweep(BOTH, "model.lr=1e9,3e-3", *side_by_side)


@each
def test_the_jobs_of_a_sweep_are_a_run_each_and_a_failed_one_is_marked(
    sweep: Outcome, tracker: str
) -> None:
    assert sweep.out.splitlines()[-1] == "1 done, 1 failed", sweep.err
    runs = {run.id: run for run in READERS[tracker](sweep.folder.parent / "logs")}
    assert runs.keys() == {job.id for job in sweep.jobs}
    assert {run.group for run in runs.values()} == {sweep.folder.name}
    for job in sweep.jobs:
        run = runs[job.id]
        assert run.status == ENDS[tracker][job.status]
        assert float(run.settings["model.lr"]) == job.config["model"]["lr"]
        if tracker == "trackio":
            assert run.alerts == ([("error", "failed")] if job.status == "failed" else [])


def test_two_processes_are_one_run(commands: Commands) -> None:
    outcome = commands.train(BOTH, "trainer.devices=2")
    assert outcome.code == 0, outcome.err
    for tracker in READERS:
        (run,) = kept(commands, tracker)
        assert (run.id, run.status) == (outcome.result.id, ENDS[tracker]["finished"])
        assert run.numbers == outcome.numbers


def test_an_interrupted_run_is_marked_and_keeps_its_numbers(commands: Commands) -> None:
    code, err, folder, mark = stopped(commands, press_ctrl_c, BOTH)
    assert code == 130, err
    outcome = Outcome(code, "", err, folder, mark)
    for tracker in READERS:
        (run,) = kept(commands, tracker)
        assert run.status == ENDS[tracker]["interrupted"]
        # Of the step that was interrupted, what had been logged so far.
        last = max(step for step, _ in outcome.numbers)
        whole = {place for place in outcome.numbers if place[0] < last}
        assert whole <= run.numbers.keys()
        assert run.numbers.items() <= outcome.numbers.items()


def test_a_run_that_ends_before_its_training_is_marked_as_failed(commands: Commands) -> None:
    Path(commands.place).mkdir(parents=True, exist_ok=True)
    outcome = commands.train("logger=[trackio,mlflow]", "logger.mlflow.uri=nonsense://")
    assert outcome.code == 1
    (line,) = outcome.errors
    assert line.startswith("error: logger.mlflow.uri")
    (run,) = kept(commands, "trackio")
    assert run.status == "failed"


@each
def test_a_missing_package_is_one_line_before_anything_starts(
    commands: Commands, tracker: str
) -> None:
    outcome = at_start(commands, MISSING.format(tracker)).train(f"logger={tracker}")
    assert outcome.code == 1
    assert outcome.errors == [
        f"error: logger={tracker} needs a package that is missing: pip install -e '.[trackers]'"
    ]
    assert "Traceback" not in outcome.err
    assert not (commands.place / "logs").exists()


def test_replicas_are_a_run_each_also_those_that_fail(commands: Commands) -> None:
    sweep = commands.sweep(BOTH, "replicas=2", "model.lr=1e9,3e-3")
    found = dict(find(sweep.folder))
    assert sorted(job.status for job in found.values()) == ["failed"] * 2 + ["finished"] * 2
    for tracker in READERS:
        runs = {run.id: run for run in kept(commands, tracker)}
        assert runs.keys() == {job.id for job in found.values()}
        for folder, job in found.items():
            run, outcome = runs[job.id], replace(sweep, folder=folder)
            assert (run.name, run.status) == (job.name, ENDS[tracker][job.status])
            assert job.status == "failed" or run.numbers == outcome.numbers
