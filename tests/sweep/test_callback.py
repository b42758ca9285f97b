from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from triptych.config import register
from triptych.errors import Stopped
from triptych.sweep import ENTRY, SweepCallback
from triptych.sweep.note import read_note

from ..composed import CONF

TYPED = ["seed=0,1", "ckpt_path=/a/${hydra:job.num}/last.ckpt"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hydra as it is when a sweep starts, and no sweeps of other tests."""
    monkeypatch.setattr(SweepCallback, "started", {})
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield
    for lock in SweepCallback.started.values():
        lock.release()


def config(folder: Path, *typed: str, about_hydra: tuple[str, ...] = ()) -> DictConfig:
    overrides = {"task": list(typed), "hydra": list(about_hydra)}
    sweeper = {"params": {"model": "ffn,moe,sparse"}}
    hydra = {"sweep": {"dir": str(folder)}, "overrides": overrides, "sweeper": sweeper}
    sweep = {"report": None, "vectorize": False}
    return OmegaConf.create({"hydra": hydra, "sweep": sweep, "replicas": 1})


def start(folder: Path, *typed: str, about_hydra: tuple[str, ...] = ()) -> None:
    SweepCallback().on_multirun_start(config(folder, *typed, about_hydra=about_hydra))


def end(folder: Path) -> None:
    SweepCallback.started.pop(folder).release()


def test_the_start_of_a_sweep_is_noted_as_typed(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    start(folder, *TYPED, about_hydra=("hydra/launcher=joblib",))
    note = read_note(folder)
    assert note is not None
    assert (note.jobs, note.report) == (6, str(folder / "report"))
    assert (note.overrides, note.hydra) == (TYPED, ["hydra/launcher=joblib"])
    assert list(SweepCallback.started) == [folder]


def test_jobs_on_other_machines_know_the_folder_and_the_script_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is composed from the overrides that the launcher was given, and its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(ENTRY, "/some where/train.py")
    known = config(Path("a sweep"), "seed=0,1", about_hydra=("hydra.sweep.dir=a sweep",))
    OmegaConf.set_readonly(known, True)
    SweepCallback().on_multirun_start(known)
    register()
    composed = [*known.hydra.overrides.hydra, "seed=1"]
    job = compose("train", overrides=composed, return_hydra_config=True).hydra
    assert job.sweep.dir == str(tmp_path / "a sweep")
    assert job.job.env_set == {ENTRY: "/some where/train.py"}
    note = read_note(tmp_path / "a sweep")
    assert note is not None
    assert note.hydra == ["hydra.sweep.dir=a sweep"]


def test_a_folder_is_the_sweeps_own_until_it_ends(tmp_path: Path) -> None:
    start(tmp_path, *TYPED)
    with pytest.raises(Stopped, match="another process is at work there"):
        start(tmp_path, *TYPED)
    end(tmp_path)
    start(tmp_path, *TYPED)


@pytest.mark.parametrize(
    "typed",
    [
        [*TYPED, "sweep.resume=there", "sweep.fail_fast=true"],
        ["logger=csv", *TYPED, "logger.wandb.mode=offline"],
    ],
    ids=["about the sweep", "about loggers"],
)
def test_the_same_sweep_may_be_typed_differently(tmp_path: Path, typed: list[str]) -> None:
    start(tmp_path, *TYPED)
    end(tmp_path)
    start(tmp_path, *typed)


@pytest.mark.parametrize(
    "typed", [TYPED[:1], [*TYPED, "model.lr=1"], ["seed=0,2", TYPED[1]], TYPED[::-1]]
)
def test_another_sweep_is_refused_in_its_folder(tmp_path: Path, typed: list[str]) -> None:
    start(tmp_path, *TYPED)
    end(tmp_path)
    with pytest.raises(Stopped, match=r"go on with sweep\.resume=") as refused:
        start(tmp_path, *typed)
    assert " ".join(TYPED) in str(refused.value)
    note = read_note(tmp_path)
    assert note is not None
    assert note.overrides == TYPED


def test_a_note_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text("{half")
    with pytest.raises(Stopped, match=r"sweep.json is no note of a sweep"):
        start(tmp_path, *TYPED)


def test_a_search_counts_its_trials_and_goes_on_elsewhere(tmp_path: Path) -> None:
    about_hydra = ("hydra/sweeper=optuna",)
    search = config(tmp_path, "model.lr=interval(0.1,1)", about_hydra=about_hydra)
    search.hydra.sweeper = {"n_trials": 7}
    SweepCallback().on_multirun_start(search)
    note = read_note(tmp_path)
    assert note is not None
    assert (note.jobs, note.is_search) == (7, True)
    end(tmp_path)
    with pytest.raises(Stopped, match=r"with the same hydra\.sweeper\.storage"):
        SweepCallback().on_multirun_start(search)


@pytest.mark.parametrize("about_hydra", [(), ("hydra/sweeper=basic",), ("hydra/launcher=joblib",)])
def test_a_grid_is_no_search(tmp_path: Path, about_hydra: tuple[str, ...]) -> None:
    start(tmp_path, *TYPED, about_hydra=about_hydra)
    note = read_note(tmp_path)
    assert note is not None
    assert not note.is_search
