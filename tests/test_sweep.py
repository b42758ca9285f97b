import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from triptych import sweep
from triptych.result import Result, Status, write
from triptych.sweep import SweepCallback, count_jobs, finish

names = st.sampled_from(["model", "seed", "model.lr", "data.noise", "model/router"])
values = st.lists(st.integers(0, 99), min_size=1, max_size=5)


@given(st.dictionaries(names, values))
def test_jobs_are_counted_as_the_product_of_the_choices(choices: dict[str, list[int]]) -> None:
    product = 1
    for listed in choices.values():
        product *= len(listed)
    assert count_jobs([f"{k}={','.join(map(str, v))}" for k, v in choices.items()]) == product


@pytest.mark.parametrize(
    ("overrides", "jobs"),
    [
        ([], 1),
        (["seed=0,0,0"], 3),
        (["seed=range(4)"], 4),
        (["seed=choice(1,2)"], 2),
        (["model=ffn,moe", "model=moe"], 1),
        (["hydra.sweep.dir='a,b'"], 1),
        (["data.families=[a,b]"], 1),
        (["data.families=[a,b],[c]"], 2),
        (["+new=1,2", "~model.lr"], 2),
    ],
)
def test_all_forms_of_choices_are_counted(overrides: list[str], jobs: int) -> None:
    assert count_jobs(overrides) == jobs


def test_the_start_of_a_sweep_is_noted_as_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SweepCallback, "started", [])
    typed = ["seed=0,1", "ckpt_path=/a/${hydra:job.num}/last.ckpt"]
    config = OmegaConf.create(
        {
            "hydra": {
                "sweep": {"dir": str(tmp_path / "s")},
                "overrides": {"task": typed},
                "sweeper": {"params": {"model": "ffn,moe,sparse"}},
            },
            "sweep": {"report": None},
        }
    )
    SweepCallback().on_multirun_start(config)
    note = json.loads((tmp_path / "s" / "sweep.json").read_text())
    assert note == {"jobs": 6, "report": str(tmp_path / "s" / "report"), "overrides": typed}
    assert SweepCallback.started == [tmp_path / "s"]


def note(folder: Path, jobs: int) -> None:
    content = {"jobs": jobs, "report": str(folder / "report"), "overrides": []}
    (folder / sweep.FILE).write_text(json.dumps(content))


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
        (4, ["finished", "interrupted"], "1 done, 1 failed, 2 not started", 3),
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
