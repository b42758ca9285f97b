import json
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from triptych import study
from triptych.report.study.latencies import read_latencies
from triptych.result import find

from .commands import Commands, Outcome

pytestmark = pytest.mark.slow

# Four samples or so for each of 8 clusters: that anything is measured is what is tested here.
SHORT = (
    *("logger=csv", "data.n_train=96", "data.n_val=64", "data.n_test=64", "trainer.max_epochs=2"),
    *("hydra.sweeper.study.rates=[0.01,0.03]", "hydra.sweeper.study.most_rates=3"),
    *("hydra.sweeper.study.tuning_seeds=[100]", "hydra.sweeper.study.seeds=[0,1]"),
)
NAME = "experiment=study/label_noise"


def run(commands: Commands, folder: Path, *typed: str) -> Outcome:
    arguments = (NAME, *SHORT, f"hydra.sweep.dir={folder}", *typed)
    return commands.script("train.py", *arguments, folder=folder)


@pytest.fixture(scope="module")
def done(shared: Commands) -> Outcome:
    return run(shared, shared.place / "study")


def test_a_study_tunes_compares_and_says_what_it_expected(done: Outcome) -> None:
    assert done.code == 0, done.err
    record = study.read(done.folder)
    assert record is not None
    compared = [trial for trial in record.trials if trial.stage == "comparison"]
    assert [(t.arm, t.seed) for t in compared] == [
        (arm, seed) for seed in (0, 1) for arm in ("dense", "big_dense", "moe")
    ]
    # Two rates at first, and one more, as the best of two is at an end.
    assert len(record.trials) == 3 * 3 + len(compared)
    chosen = {arm: rate for _, arm, rate in record.chosen}
    assert all(trial.rate == chosen[trial.arm] for trial in compared)
    assert f"{len(record.trials)} done" in done.out
    assert "holds: moe is below the ceiling" in done.out
    assert "Nobody exceeds what can be known" in done.out
    assert "| the most that can be known | 8" in done.out  # .9 of the labels, and .983 before


def test_the_rate_that_is_compared_is_the_best_in_validation(done: Outcome) -> None:
    record = study.read(done.folder)
    assert record is not None
    scores = pd.read_csv(done.folder / "report" / "runs.csv").query("stage == 'tuning'")
    for _, arm, rate in record.chosen:
        mine = scores[scores["arm"] == arm].sort_values(["best_val", "rate"])
        best = mine[mine["best_val"] == mine["best_val"].max()]
        assert rate == best["rate"].min()


def test_a_study_goes_on_where_it_was_stopped(done: Outcome, shared: Commands) -> None:
    """Two of its runs never took place; the others are not repeated."""
    before = {int(run.name): result for run, result in find(done.folder)}
    record = (done.folder / study.FILE).read_text()
    for job in (4, 12):
        (done.folder / str(job) / "result.json").unlink()
    again = run(shared, done.folder)
    assert again.code == 0, again.err
    assert again.out.count("done before") == len(before) - 2
    assert (done.folder / study.FILE).read_text() == record
    after = {int(run.name): result for run, result in find(done.folder)}
    assert {job: result.metrics["test"] for job, result in after.items()} == {
        job: result.metrics["test"] for job, result in before.items()
    }


def test_the_page_of_a_study_can_be_made_again(done: Outcome, shared: Commands) -> None:
    out = shared.place / "again"
    made = shared.script("scripts/report.py", str(done.folder), "--out", str(out))
    assert made.code == 0, made.err
    tables = [folder / "differences.csv" for folder in (out, done.folder / "report")]
    assert tables[0].read_text() == tables[1].read_text()


def test_the_trained_nets_of_a_study_are_timed_wherever_it_is_now(
    done: Outcome, shared: Commands
) -> None:
    moved = shutil.copytree(done.folder, shared.place / "moved")
    timed = shared.script("scripts/latency.py", str(moved), "--quick")
    assert timed.code == 0, timed.err
    known = read_latencies(moved)
    record = study.read(moved)
    assert known is not None
    assert record is not None
    assert [(net.arm, net.batch) for net in known.nets] == [
        (arm, batch) for arm in ("dense", "big_dense", "moe") for batch in (1, 512)
    ]
    assert {(t.stage, t.seed) for t in record.trials if t.job in {n.job for n in known.nets}} == {
        ("comparison", 0)
    }
    assert all(0 < net.low <= net.median <= net.high for net in known.nets)
    assert (known.threads, known.rounds) == (1, 5)
    assert "| K=8 | big_dense |" in timed.out
    made = shared.script("scripts/report.py", str(moved))
    assert made.code == 0, made.err
    assert (moved / "report" / "figures" / "speed.png").is_file()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("seed=3", "seed=3: a study chooses it; see study.seeds and study.rates"),
        ("model.dropout=0,0.1", "model.dropout=0,0.1: a study has cells of its own"),
        ("hydra.sweeper.study.seeds=[]", "study.seeds is empty: give at least two"),
        ("hydra.sweeper.study.baselines=[dens]", "study.baselines: no arm 'dens'"),
        ("hydra.sweeper.study.arms.dense=[modle=ffn]", "modle"),
    ],
)
def test_a_mistake_is_one_line_before_any_run(commands: Commands, typed: str, line: str) -> None:
    failed = run(commands, commands.place / "study", typed)
    assert failed.code == 1
    assert line in failed.err
    assert len(failed.err.strip().splitlines()) == 1, failed.err
    assert not list((commands.place / "study").glob("*/result.json"))


def test_what_a_study_is_can_be_read_from_its_folder(done: Outcome) -> None:
    plan = json.loads((done.folder / study.FILE).read_text())["study"]
    assert plan["question"] == "Does anybody exceed what can be known?"
    assert plan["cells"] == {"K=8": ["data.num_clusters=8"]}


ARMS = "hydra.sweeper.study.arms"
MASKS = (
    *("experiment=study/masks", "data.n_train=96", "data.n_val=64", "data.n_test=64"),
    *("trainer.max_epochs=1", "~hydra.sweeper.study.cells.support"),
    *("hydra.sweeper.study.rates=[0.01,0.03]", "hydra.sweeper.study.most_rates=2"),
    *("hydra.sweeper.study.tuning_seeds=[100]", "hydra.sweeper.study.seeds=[0,1]"),
    *("hydra.sweeper.study.claims=[]", f"~{ARMS}.mask_off", f"~{ARMS}.static"),
    "hydra.sweeper.study.baselines=[rigl]",
)


def masks(commands: Commands, *typed: str, name: str = "masks of a study, lr=1") -> Outcome:
    folder = commands.place / name
    place = f"hydra.sweep.dir='{folder}'"
    return commands.script("train.py", *MASKS, place, *typed, folder=folder)


def live(checkpoint: Path) -> dict[str, int]:
    """How many weights each layer of a sparse net has."""
    state = torch.load(checkpoint, weights_only=True)["state_dict"]
    return {name: int(mask.sum()) for name, mask in state.items() if name.endswith(".live")}


@pytest.fixture(scope="module")
def masked(shared: Commands) -> Outcome:
    return masks(shared)


def test_an_arm_starts_from_the_best_checkpoint_of_another_arm_with_its_seed(
    masked: Outcome,
) -> None:
    """In a folder whose name Hydra would read as more than one word."""
    assert masked.code == 0, masked.err
    record = study.read(masked.folder)
    assert record is not None
    assert len(record.trials) == 2 * (2 + 2)
    chosen = {arm: rate for _, arm, rate in record.chosen}
    for trial, job in zip(record.trials, masked.jobs, strict=True):
        if trial.arm == "rigl":
            continue
        start = Path(job.config["model"]["mask"]["start"]["checkpoint"])
        origin = record.trials[int(start.parents[1].name)]
        assert start == Path(masked.jobs[origin.job].checkpoint)
        assert (origin.arm, origin.stage, origin.seed) == ("rigl", trial.stage, trial.seed)
        assert origin.rate == chosen["rigl"]
        assert live(start) == live(Path(job.checkpoint)) != {}


def test_the_command_of_a_run_that_starts_from_another_one_makes_it_again(
    masked: Outcome, shared: Commands
) -> None:
    job = masked.jobs[-1]
    typed = shlex.split(job.command)[2:]
    out = shared.place / "alone"
    alone = shared.script("train.py", *typed, "hydra.mode=RUN", f"hydra.run.dir={out}", folder=out)
    assert alone.code == 0, alone.err
    assert alone.result.config_hash == job.config_hash
    assert alone.result.metrics["test"] == job.metrics["test"]


def test_a_study_goes_on_where_a_run_is_missing_that_others_start_from(
    masked: Outcome, shared: Commands
) -> None:
    record = (masked.folder / study.FILE).read_text()
    before = [job.metrics["test"] for job in masked.jobs]
    for job in (0, 2, 7):
        (masked.folder / str(job) / "result.json").unlink()
    again = masks(shared)
    assert again.code == 0, again.err
    assert again.out.count("done before") == 8 - 3
    assert (masked.folder / study.FILE).read_text() == record
    assert [job.metrics["test"] for job in again.jobs] == before


def test_what_starts_from_a_run_that_failed_fails_with_one_line_and_trains_when_it_is_mended(
    commands: Commands,
) -> None:
    short = ("hydra.sweeper.study.rates=[0.01]", "hydra.sweeper.study.tuning_seeds=[]")
    broken = f"{ARMS}.rigl=['model=sparse','model/rule=rigl','model.sparsity=1.5']"
    failed = masks(commands, *short, broken, name="mended")
    assert failed.code == 1
    assert "4 failed" in failed.out
    rigl, shuffled = failed.jobs[0].error, failed.jobs[2].error
    assert rigl is not None
    assert shuffled is not None
    assert "sparsity" in rigl["message"]
    start = failed.folder / "0" / "this_run_has_not_finished.ckpt"
    line = f"model.mask.start.checkpoint={start}: there is no such file"
    assert (shuffled["message"], shuffled["traceback"]) == (line, "")
    mended = masks(commands, *short, name="mended")
    assert mended.code == 0, mended.err
    assert "4 done" in mended.out
    again = commands.script("train.py", f"sweep.resume={mended.folder}")
    assert again.out.count("done before") == 4, again.err
