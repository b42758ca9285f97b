import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from triptych import sweep
from triptych.result import Result, Status, write
from triptych.sweep import SweepCallback, count_jobs, finish

CONF = Path(__file__).parents[1] / "conf"

names = st.sampled_from(["model", "seed", "model.lr", "data.noise", "model/router"])
values = st.lists(st.integers(0, 99), min_size=1, max_size=5)


@given(st.dictionaries(names, values))
def test_jobs_are_counted_as_the_product_of_the_choices(choices: dict[str, list[int]]) -> None:
    product = 1
    for listed in choices.values():
        product *= len(listed)
    assert count_jobs([f"{k}={','.join(map(str, v))}" for k, v in choices.items()]) == product


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.mark.parametrize(
    ("overrides", "jobs"),
    [
        ([], 1),
        (["seed=3"], 1),
        (["seed=0,1,2", "model=ffn,moe"], 6),
        (["seed=range(1,10,3)"], 3),
        (["seed=0,1,2", "seed=7"], 1),
        (["seed=7", "seed=0,1,2"], 3),
        (["+a=1,2", "b@c=x,y"], 4),
        (["model.lr=choice(0.1,0.2)", "model.tags=[a,b]", "name='a,b'"], 2),
        (["~logger.wandb", "seed=0,1"], 2),
        (["model=glob([ffn,moe,sparse])", "seed=0,1"], 6),
    ],
)
def test_as_many_jobs_are_counted_as_hydra_starts(
    loader: ConfigLoader, overrides: list[str], jobs: int
) -> None:
    parsed = OverridesParser.create(loader).parse_overrides(overrides)
    (batch,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    assert count_jobs(overrides, loader) == len(batch) == jobs


def test_the_start_of_a_sweep_is_noted_as_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: ConfigLoader
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
