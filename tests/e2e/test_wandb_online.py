"""Trainings that are logged in: the real client, and a stand-in for the server on this machine."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ..tracking.wandb_log import read
from .commands import Commands, Outcome
from .wandb_server import DEAD, Server, account, listening

pytestmark = [pytest.mark.slow, pytest.mark.wandb_protocol]

FAST = ("debug=fast", "logger=many")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    with listening(made):
        yield made


@pytest.fixture(scope="module")
def online(shared: Commands, server: Server) -> Commands:
    return replace(shared, variables=account(server.address))


@pytest.fixture(scope="module")
def run(online: Commands) -> Outcome:
    place = online.place / "run"
    typed = ("model=moe", "logger.wandb.checkpoints=true", f"hydra.run.dir={place}")
    done = online.script("train.py", *FAST, *typed, folder=place)
    assert done.code == 0, done.err
    return done


def test_the_server_has_the_whole_run(run: Outcome, server: Server) -> None:
    name = run.result.id
    assert server.endings[name] == 0
    assert server.unknown == set()
    sent = {
        (row["trainer/global_step"], key): value
        for row in server.history(name)
        for key, value in row.items()
    }
    assert {place: sent[place] for place in run.numbers} == run.numbers
    # What a chart of the one against the other needs:
    together = {"val/acc", "train/loss", "compute/train_flops", "time/train_s"}
    epochs = [row for row in server.history(name) if "val/acc" in row]
    assert [together <= row.keys() for row in epochs] == [True, True]
    assert server.config(name)["model"]["top_k"] == run.result.config["model"]["top_k"]
    summary = server.summary(name)
    assert summary["test/acc"] == run.result.metrics["test"]["test/acc"]
    assert summary["val/acc"]["max"] == summary["best/val/acc"]


def test_tables_pictures_and_the_checkpoint_arrive(run: Outcome, server: Server) -> None:
    artifacts = [made for made in server.artifacts.values() if made["run"] == run.result.id]
    assert all(made["whole"] for made in artifacts)
    files = {name for made in artifacts for name in made["files"]}
    tables = ("routing", "confusion", "classes", "calibration")
    assert files == {"best.ckpt", *(f"tables/{name}.table.json" for name in tables)}
    (number,) = (k for k, made in server.artifacts.items() if made["files"] == ["best.ckpt"])
    assert server.blobs[f"{number}/best.ckpt"] == Path(run.result.checkpoint).read_bytes()
    pictures = [body for path, body in server.blobs.items() if "/images/heatmaps/" in path]
    assert len(pictures) == 2  # layers
    assert all(body.startswith(b"\x89PNG") for body in pictures)


def test_two_ranks_are_one_run(online: Commands, server: Server) -> None:
    before = set(server.runs)
    place = online.place / "ranks"
    typed = ("model=moe", "trainer.devices=2", f"hydra.run.dir={place}")
    done = online.script("train.py", *FAST, *typed, folder=place)
    assert done.code == 0, done.err
    assert server.runs.keys() - before == {done.result.id}
    assert server.endings[done.result.id] == 0
    steps = [r["trainer/global_step"] for r in server.history(done.result.id) if "val/acc" in r]
    assert steps == sorted(step for step, key in done.numbers if key == "val/acc")
    tables = [row for row in server.history(done.result.id) if "tables/routing" in row]
    assert len(tables) == 1


def test_a_sweep_of_four_is_four_runs_of_one_group(online: Commands, server: Server) -> None:
    before = set(server.runs)
    place = online.place / "sweep"
    typed = ("model=ffn,moe", "seed=0,1", f"hydra.sweep.dir={place}")
    done = online.script("train.py", "-m", *FAST, *typed, folder=place)
    assert done.code == 0, done.err
    assert server.runs.keys() - before == {job.id for job in done.jobs}
    made = [server.runs[job.id] for job in done.jobs]
    assert {run["groupName"] for run in made} == {"sweep"}
    assert [run["displayName"] for run in made] == ["ffn-s0", "ffn-s1", "moe-s0", "moe-s1"]
    for job in done.jobs:
        assert server.endings[job.id] == 0
        assert server.summary(job.id)["test/acc"] == job.metrics["test"]["test/acc"]


def test_a_server_that_dies_leaves_the_training_and_its_data_alone(shared: Commands) -> None:
    # It is there when the run opens, and takes nothing after that.
    dying = Server(status=lambda asked: DEAD if asked.endswith("/file_stream") else 200)
    with listening(dying) as address:
        commands = replace(shared, place=shared.place / "dying", variables=account(address))
        place = commands.place / "run"
        typed = ("model=ffn", "logger.wandb.finish_timeout_s=2", f"hydra.run.dir={place}")
        done = commands.script("train.py", *FAST, *typed, folder=place)
    assert done.code == 0, done.err
    assert done.result.status == "finished"
    assert dying.runs.keys() == {done.result.id}
    assert dying.endings == {}
    (log,) = commands.place.glob("logs/wandb/run-*/run-*.wandb")
    kept = read(log)
    assert kept.exit_code == 0
    for key in ("val/acc", "val/loss", "test/acc"):
        expected = [(step, value) for (step, name), value in done.numbers.items() if name == key]
        assert kept.curve(key) == sorted(expected)
    assert json.loads((done.folder / "result.json").read_text())["error"] in (None, "")
