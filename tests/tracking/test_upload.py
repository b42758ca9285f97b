from pathlib import Path

import pytest

from triptych.evaluations import Evaluation
from triptych.tracking import WandbLogger, close_run
from triptych.tracking.flat import flattened
from triptych.tracking.upload import Sent, errors_in, is_sent, offline_runs, send

from ..e2e.wandb_server import Server, account, listening
from .test_flat import TABLES
from .wandb_log import closed_runs


def test_errors_are_told_once_and_without_single_requests(tmp_path: Path) -> None:
    file = tmp_path / "debug-sync.log"
    lines = [
        '{"level":"INFO","msg":"fine"}',
        '{"level":"ERROR","msg":"api: HTTP error"}',
        '{"level":"ERROR","msg":"sender: failed"}',
        "no JSON",
        '{"level":"ERROR","msg":"sender: failed"}',
    ]
    file.write_text("\n".join(lines))
    assert errors_in(file) == ["sender: failed"]


def test_runs_come_in_the_order_of_their_time_and_none_that_was_online(tmp_path: Path) -> None:
    for folder in ("offline-run-20261128_2-a", "offline-run-20261128_1-b", "run-20261128_0-c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "run-x.wandb").touch()
    found = [log.parent.name for log in offline_runs(tmp_path)]
    assert found == ["offline-run-20261128_1-b", "offline-run-20261128_2-a"]


def log_in(address: str, patch: pytest.MonkeyPatch) -> None:
    for name, value in account(address).items():
        patch.setenv(name, value)


@pytest.mark.slow
@pytest.mark.wandb_protocol
def test_a_run_whose_files_are_refused_counts_as_unsent_and_is_tried_again(
    no_account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = WandbLogger("logs", mode="offline")
    adapter.log_tables(Evaluation("test", 7, TABLES))
    close_run(0)
    closed_runs(Path("logs"))
    (log,) = offline_runs(Path("logs/wandb"))
    monkeypatch.setenv("WANDB_MODE", "offline")  # of a training, and nothing to do with this
    full = Server(status=lambda asked: 403 if asked.startswith("/blobs/") else 200)
    with listening(full) as address:
        log_in(address, monkeypatch)
        sent = send(log, [])
    assert "403 Forbidden" in sent.problem
    assert not is_sent(log)
    refusing = Server(status=lambda asked: 401)
    with listening(refusing) as address:
        log_in(address, monkeypatch)
        assert "error 401" in send(log, []).problem
    well = Server()
    with listening(well) as address:
        log_in(address, monkeypatch)
        assert send(log, ["--project", "other"]) == Sent()
    assert is_sent(log)
    assert [run["project"] for run in well.runs.values()] == ["other"]
    assert len(well.artifacts) == len(flattened(TABLES))


@pytest.mark.slow
@pytest.mark.wandb_protocol
@pytest.mark.parametrize("status", [401, 500])
def test_a_server_that_is_of_no_use_turns_a_run_offline(
    no_account: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    status: int,
) -> None:
    with listening(Server(status=lambda asked: status)) as address:
        log_in(address, monkeypatch)
        adapter = WandbLogger("logs", name="moe-s0", init_timeout_s=1.0)
        adapter.log_metrics({"val/acc": 1.0}, 0)
        adapter.finalize("success")
        close_run(0)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "wandb sync" in line]
    assert line.startswith("wandb: offline (")
    (run,) = closed_runs(Path("logs"))
    assert (run.exit_code, run.curve("val/acc")) == (0, [(0, 1.0)])
