import os
from datetime import timedelta

import pytest
from torch.distributed import TCPStore

from triptych.errors import InvalidSetting
from triptych.launch.shared_name import share_name
from triptych.resolvers import RUN_NAME, run_name

from ..launched import BATCH, TASK, TORCHRUN


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("SLURM_", "TORCHELASTIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(RUN_NAME, "")
    monkeypatch.delenv(RUN_NAME)


def named(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *typed: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    share_name(typed, "new")
    return run_name("own clock")


def test_a_process_that_is_alone_has_a_name_by_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert named(monkeypatch, BATCH) == "own clock"


@pytest.mark.parametrize(("step", "expected"), [("0", "slurm-12"), ("3", "slurm-12.3")])
def test_the_tasks_of_a_step_share_the_name_of_their_job(
    monkeypatch: pytest.MonkeyPatch, step: str, expected: str
) -> None:
    assert named(monkeypatch, TASK | {"SLURM_JOB_ID": "12", "SLURM_STEP_ID": step}) == expected


def test_who_names_the_folder_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert named(monkeypatch, TORCHRUN, "hydra.run.dir=here") == "own clock"


def test_torchrun_without_a_store_needs_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSetting, match=r"set hydra\.run\.dir=FOLDER"):
        named(monkeypatch, TORCHRUN | {"TORCHELASTIC_USE_AGENT_STORE": "False"})


def test_processes_of_torchrun_take_the_name_that_came_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=10))
    at = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(agent.port)}
    variables = TORCHRUN | at | {"TORCHELASTIC_USE_AGENT_STORE": "True"}
    assert named(monkeypatch, variables) == "new"
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RANK", "0")
    share_name([], "newer")
    assert run_name("own clock") == "new"
    assert "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1" in capsys.readouterr().err  # started again
