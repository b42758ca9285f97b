"""Offline runs are published to a stand-in for the server, by the real client."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .commands import ROOT, Commands, Outcome
from .wandb_server import DEAD, Server, account, listening

pytest.importorskip("wandb_workspaces")
pytestmark = [pytest.mark.slow, pytest.mark.wandb_protocol]

NOBODY = {"WANDB_API_KEY": ""}


@pytest.fixture(scope="module")
def runs(shared: Commands) -> list[Outcome]:
    """Two of them, offline, in one folder."""
    made: list[Outcome] = []
    for model in ("ffn", "moe"):
        place = shared.place / model
        typed = ("debug=fast", "logger=many", f"model={model}", f"hydra.run.dir={place}")
        made.append(shared.script("train.py", *typed, folder=place))
    assert [run.code for run in made] == [0, 0]
    return made


@pytest.fixture
def place(runs: list[Outcome], shared: Commands, tmp_path: Path) -> Commands:
    """A fresh copy of what the runs have left for wandb."""
    shutil.copytree(shared.place / "logs", tmp_path / "logs")
    return replace(shared, place=tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with listening(made):
        yield made


def publish(commands: Commands, variables: dict[str, str], *typed: str) -> Outcome:
    there = replace(commands, variables=variables)
    return there.script(str(ROOT / "scripts" / "publish_wandb.py"), *typed)


def undrawn(node: Any) -> Any:
    """A specification without identities, which are drawn anew each time."""
    if isinstance(node, dict):
        drawn = ("__id__", "ref", "id", "openViz")
        return {key: undrawn(value) for key, value in node.items() if key not in drawn}
    return [undrawn(one) for one in node] if isinstance(node, list) else node


def test_what_is_sent_equals_the_local_table_and_is_sent_once(
    runs: list[Outcome], place: Commands, server: Server
) -> None:
    first = publish(place, account(server.address))
    assert first.code == 0, first.err
    assert server.unknown == set()
    for run in runs:
        sent = {
            (row["trainer/global_step"], key): value
            for row in server.history(run.result.id)
            for key, value in row.items()
            if key != "trainer/global_step"
        }
        assert {key: sent[key] for key in run.numbers} == run.numbers
    before = {run.result.id: len(server.history(run.result.id)) for run in runs}
    kept = {identity: view["id"] for identity, view in server.views.items()}
    urls = [line for line in first.out.splitlines() if line.startswith(("workspace: ", "report: "))]
    assert len(urls) == 2

    again = publish(place, account(server.address))
    assert again.code == 0, again.err
    assert "no run in logs/wandb is left to send" in again.out
    assert {run.result.id: len(server.history(run.result.id)) for run in runs} == before
    assert {identity: view["id"] for identity, view in server.views.items()} == kept
    assert [line for line in again.out.splitlines() if line in urls] == urls

    dry = publish(place, NOBODY, "--dry-run", "--entity", "me")
    (saved,) = [view for view in server.views.values() if view["type"] == "project-view"]
    assert undrawn(json.loads(dry.out)) == undrawn(json.loads(saved["spec"]))

    server.views.clear()  # somebody deletes them
    anew = publish(place, account(server.address))
    assert anew.code == 0, anew.err
    assert {view["type"] for view in server.views.values()} == {"project-view", "runs/draft"}


def test_a_run_that_was_cut_off_hides_no_other_and_is_no_success(
    runs: list[Outcome], place: Commands, server: Server
) -> None:
    log = next((place.place / "logs/wandb").glob(f"offline-run-*-{runs[0].result.id}/*.wandb"))
    whole = log.read_bytes()
    log.write_bytes(whole[: len(whole) // 2])
    done = publish(place, account(server.address))
    assert done.code == 1
    assert [line for line in done.err.splitlines() if line.startswith("failed: ")] == [
        f"failed: {log.parent.name}: cut off (killed, or still at work): sent as far as it goes"
    ]
    assert server.endings[runs[1].result.id] == 0
    before = len(server.history(runs[0].result.id))
    again = publish(place, account(server.address))
    assert "cut off, was sent before as far as it goes" in again.out
    assert len(server.history(runs[0].result.id)) == before


def test_an_upload_that_is_refused_is_never_called_a_success(place: Commands) -> None:
    refusing = Server(status=lambda asked: 403 if asked.endswith("/file_stream") else 200)
    with listening(refusing) as address:
        done = publish(place, account(address))
    assert done.code == 1
    assert sum(line.startswith("failed: offline-run-") for line in done.err.splitlines()) == 2
    assert ": sent" not in done.out
    assert list((place.place / "logs").rglob("*.synced")) == []


@pytest.mark.parametrize("status", [401, DEAD])
def test_a_server_that_does_not_take_us_in_is_one_line(place: Commands, status: int) -> None:
    closed = Server(status=lambda _: status)
    with listening(closed) as address:
        done = publish(place, account(address))
    assert done.code == 2
    (line,) = done.errors
    assert line.startswith("error: W&B refuses the login or does not answer: ")


def test_without_a_login_one_line_says_how_to_get_one(place: Commands) -> None:
    done = publish(place, NOBODY)
    assert (done.code, done.errors) == (
        2,
        ["error: not logged in to W&B: run `wandb login`, or set WANDB_API_KEY"],
    )


def test_a_mode_of_trainings_is_not_taken_for_a_missing_login(
    place: Commands, server: Server
) -> None:
    done = publish(place, account(server.address) | {"WANDB_MODE": "offline"})
    assert done.code == 2
    assert done.errors == ["error: WANDB_MODE=offline is for trainings: unset it to publish"]
    assert server.runs == {}


def test_a_folder_that_is_missing_is_one_line(place: Commands) -> None:
    done = publish(place, NOBODY, "nowhere")
    assert done.code == 2
    assert done.errors[0].startswith("error: nowhere: no such folder")


def test_a_dry_run_prints_the_workspace_and_asks_nobody(place: Commands) -> None:
    done = publish(place, NOBODY, "--dry-run")
    assert done.code == 0, done.err
    names = [
        part["name"] for part in json.loads(done.out)["section"]["panelBankConfig"]["sections"]
    ]
    assert names[:2] == ["Quality", "Cost against quality"]
