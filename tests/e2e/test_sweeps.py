import json
import os
from pathlib import Path

import pandas as pd
import pytest

from triptych.result import find

from .commands import SMALL, TIMEOUT_S, Commands, Outcome, survivors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mixed(shared: Commands) -> Outcome:
    """Jobs with 1 and 2 processes in turn, each setting with 1 process twice."""
    return shared.cold.sweep("model=ffn,moe", "trainer.devices=1,2,1", name="mixed")


@pytest.fixture(scope="module")
def with_failure(shared: Commands) -> Outcome:
    return shared.sweep("model.lr=1e9,3e-3", name="with-failure")


@pytest.fixture(scope="module")
def with_skipped(shared: Commands) -> Outcome:
    return shared.sweep("model=moe", "model.top_k=1,9", name="with-skipped")


def test_every_job_of_a_sweep_leaves_a_finished_result_in_one_folder(mixed: Outcome) -> None:
    assert mixed.code == 0, mixed.err
    assert [r.status for r in mixed.jobs] == ["finished"] * 6
    assert [r.device["processes"] for r in mixed.jobs] == [1, 2, 1] * 2
    assert [r.panel for r in mixed.jobs] == ["ffn"] * 3 + ["moe"] * 3
    assert sorted(p.name for p in mixed.folder.iterdir() if p.is_dir()) == [*"012345", "report"]
    assert not [p for p in mixed.folder.parent.iterdir() if p.name in ("logs", "outputs")]


def test_no_process_outlives_a_sweep(mixed: Outcome) -> None:
    assert not survivors(mixed.mark)


def test_a_job_is_not_changed_by_the_jobs_before_it(mixed: Outcome) -> None:
    first, _, third, *_ = mixed.jobs
    assert first.metrics["test"] == third.metrics["test"]
    assert untimed(first.metrics["final"]) == untimed(third.metrics["final"])
    assert first.metrics["test"] != mixed.jobs[3].metrics["test"]
    assert mixed.jobs[3].metrics["test"] == mixed.jobs[5].metrics["test"]


def untimed(metrics: dict[str, float]) -> dict[str, float]:
    return {k: v for k, v in metrics.items() if not k.startswith("time/")}


def test_sweeps_started_in_the_same_moment_have_folders_of_their_own(commands: Commands) -> None:
    started = [commands.start("train.py", "-m", *SMALL, "seed=0,1") for _ in range(2)]
    outs = [process.communicate(timeout=TIMEOUT_S)[0] for process, _ in started]
    assert [out.splitlines()[-1] for out in outs] == ["2 done", "2 done"]
    folders = list((commands.place / "logs" / "train" / "multiruns").iterdir())
    assert len(folders) == 2
    runs = [result for _, result in find(*folders)]
    assert sorted(r.seed for r in runs) == [0, 0, 1, 1]
    assert len({r.id for r in runs}) == 4


@pytest.mark.skipif("SOAK" not in os.environ, reason="minutes: make soak")
def test_a_sweep_of_fifty_jobs_loses_none_and_leaves_no_process(commands: Commands) -> None:
    sweep = commands.sweep("model=ffn,moe", "seed=range(25)", name="long")
    assert sweep.code == 0, sweep.err
    assert sweep.out.splitlines()[-1] == "50 done"
    assert sorted((r.panel, r.seed) for r in sweep.jobs) == sorted(
        (panel, seed) for panel in ("ffn", "moe") for seed in range(25)
    )
    assert not survivors(sweep.mark)


def test_a_sweep_says_which_job_of_how_many_it_is_at(mixed: Outcome) -> None:
    assert "run 2 of 6: ffn, seed 0: 2 epochs" in mixed.err
    assert "run 6 of 6: moe, seed 0: epoch 2 of 2" in mixed.err
    note = json.loads((mixed.folder / "sweep.json").read_text())
    assert note["jobs"] == 6
    assert note["report"] == str(mixed.folder / "report")


def test_a_sweep_ends_in_a_table_and_a_page(mixed: Outcome) -> None:
    report = mixed.folder / "report"
    assert mixed.out.rstrip().endswith(f"Report: {report}/index.html\n6 done")
    held = {p.name for p in report.iterdir()}
    assert held >= {"table.csv", "table.md", "runs.csv", "curves.csv", "index.html", "figures"}
    # Three jobs of a panel compute the same thing, and a report counts such runs once.
    assert pd.read_csv(report / "runs.csv")["name"].tolist() == ["ffn-s0", "moe-s0"]
    assert len(list((report / "figures").glob("*.png"))) > 0


def test_the_report_script_makes_the_same_table_of_the_sweep(
    mixed: Outcome, commands: Commands
) -> None:
    out = commands.place / "again"
    outcome = commands.script("scripts/report.py", str(mixed.folder), "--out", str(out))
    assert outcome.code == 0, outcome.err
    assert f"Report: {out}/index.html" in outcome.out
    for table in ("table.csv", "runs.csv", "curves.csv"):
        assert (out / table).read_text() == (mixed.folder / "report" / table).read_text()


def test_a_failed_job_is_recorded_and_the_others_go_on(with_failure: Outcome) -> None:
    bad, good = with_failure.jobs
    assert (bad.status, good.status) == ("failed", "finished")
    assert bad.error is not None
    assert bad.error["type"] == "TrainingDiverged"
    assert "not a finite number at step" in bad.error["message"]
    assert bad.metrics.get("test") is None
    assert (
        "failed debug=fast logger=csv model.lr=1000000000.0: the training loss" in with_failure.err
    )


def test_a_failed_job_makes_the_sweep_fail_and_shows_in_its_last_line(
    with_failure: Outcome,
) -> None:
    assert with_failure.code == 1
    assert with_failure.out.splitlines()[-1] == "1 done, 1 failed"
    table = pd.read_csv(with_failure.folder / "report" / "table.csv")
    assert len(table) == 1
    page = (with_failure.folder / "report" / "index.html").read_text()
    assert "not a finite number" in page
    assert "Traceback" not in with_failure.err


def test_settings_that_do_not_fit_together_are_skipped_and_no_failure(
    with_skipped: Outcome,
) -> None:
    assert with_skipped.code == 0, with_skipped.err
    done, skipped = with_skipped.jobs
    assert (done.status, skipped.status) == ("finished", "skipped")
    assert skipped.error is not None
    assert "top_k" in skipped.error["message"]
    assert "9" in skipped.error["message"]
    assert with_skipped.out.splitlines()[-1] == "1 done, 1 skipped"


@pytest.mark.parametrize(
    ("bomb", "message"),
    [
        ("InTraining", "Connection closed by peer"),
        ("AtBirth", "rank 1 ended with code 1 before training began"),
    ],
)
def test_a_rank_that_fails_takes_only_its_own_job_with_it(
    shared: Commands, bomb: str, message: str
) -> None:
    commands = Commands(shared.place, {"PYTHONPATH": path_to_bombs()})
    target = (f"+callbacks.bomb._target_=bombs.{bomb}", r"+callbacks.bomb.seed=${seed}")
    outcome = commands.sweep("trainer.devices=2", "seed=0,1", *target, name=bomb)
    assert outcome.code == 1
    bad, good = outcome.jobs
    assert (bad.status, good.status) == ("failed", "finished")
    assert bad.error is not None
    assert message in bad.error["message"]
    assert "planned failure of rank 1" in outcome.err
    assert outcome.out.splitlines()[-1] == "1 done, 1 failed"
    assert not survivors(outcome.mark)


def path_to_bombs() -> str:
    """The module path, with the callbacks that fail on purpose in front of what there is."""
    return os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
