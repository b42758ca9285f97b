import inspect
import os
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from triptych.config import register
from triptych.errors import Stopped
from triptych.launch import isolated_job
from triptych.launch.ddp import DDP_VARIABLES, child_command
from triptych.launch.stopping import JobFailed
from triptych.result import Result, write
from triptych.sweep import ENTRY

from .in_process import ROOT

CONF = str(ROOT / "conf")
UPGRADED = "Lightning has changed: see what launch/ddp.py puts in its place"


@pytest.fixture
def in_job(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a job, with Hydra's settings as they are inside; the parameter is its mode."""
    register()
    monkeypatch.setenv(ENTRY, "/somewhere/train.py")
    for name in DDP_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    settings = [
        "model=moe",
        f"hydra.mode={request.param}",
        f"hydra.runtime.output_dir={tmp_path}",
        "hydra.job.num=3",
        "hydra.job.id='3'",
        "hydra.sweep.dir=/out",
    ]
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose("train", overrides=settings, return_hydra_config=True)
    instance = HydraConfig()
    monkeypatch.setattr(HydraConfig, "instance", lambda: instance)
    instance.set_config(config)
    write(Result("running", "moe-s0", "moe", 0), tmp_path)
    return tmp_path


single = pytest.mark.parametrize("in_job", ["RUN"], indirect=True)
multirun = pytest.mark.parametrize("in_job", ["MULTIRUN"], indirect=True)


def test_lightning_still_has_what_is_replaced() -> None:
    from lightning.fabric.strategies.launchers import subprocess_script as fabric
    from lightning.pytorch.strategies.launchers import subprocess_script as pytorch

    for module in (fabric, pytorch):
        source = inspect.getsource(module)
        assert "command, cwd = _hydra_subprocess_cmd(" in source, UPGRADED
        assert "_launch_process_observer(self.procs)" in source, UPGRADED
    for name, parameters in (
        ("_hydra_subprocess_cmd", ["local_rank"]),
        ("_launch_process_observer", ["child_processes"]),
    ):
        function = vars(fabric)[name]
        assert vars(pytorch)[name] is function, UPGRADED
        assert list(inspect.signature(function).parameters) == parameters, UPGRADED


@single
def test_a_rank_of_a_single_run_gets_its_overrides_and_folder(in_job: Path) -> None:
    command, folder = child_command(1)
    assert folder == os.getcwd()
    assert command[1:4] == ["/somewhere/train.py", "--config-name", "train"]
    assert {"model=moe", "hydra.mode=RUN", f'hydra.run.dir="{in_job}"'} <= set(command)
    assert "hydra.output_subdir=null" in command
    assert "hydra.job.name=rank1" in command
    assert not [part for part in command if part.startswith("hydra.job.num")]


@multirun
def test_a_rank_of_a_sweep_runs_one_job_alone_and_knows_which(in_job: Path) -> None:
    command, _ = child_command(2)
    assert "-m" not in command
    assert {"hydra.mode=RUN", f'hydra.run.dir="{in_job}"'} <= set(command)
    assert not [part for part in command if part.startswith("ckpt_path")]
    assert {"hydra.job.num=3", "hydra.job.id=3", 'hydra.sweep.dir="/out"'} <= set(command)


@pytest.mark.parametrize("in_job", ["RUN", "MULTIRUN"], indirect=True)
def test_all_ranks_of_a_job_go_on_from_where_the_first_does(in_job: Path) -> None:
    write(Result("running", "moe-s0", "moe", 0, resumed_from="/a b/last.ckpt"), in_job)
    assert 'ckpt_path="/a b/last.ckpt"' in child_command(1)[0]


@multirun
@pytest.mark.usefixtures("in_job")
def test_a_failure_ends_a_sweep_that_is_to_fail_fast() -> None:
    with pytest.raises(Stopped, match=r"sweep.fail_fast=true"), isolated_job(fail_fast=True):
        raise ValueError("reason")


@single
@pytest.mark.usefixtures("in_job")
def test_an_error_of_a_single_run_passes_hydra() -> None:
    with pytest.raises(Stopped) as caught, isolated_job():
        raise ValueError("reason")
    assert isinstance(caught.value.__cause__, ValueError)
    assert not isinstance(caught.value, Exception)


@multirun
@pytest.mark.usefixtures("in_job")
def test_an_error_in_a_sweep_is_one_that_hydra_goes_on_after() -> None:
    with pytest.raises(JobFailed, match="reason"), isolated_job():
        raise ValueError("reason")


@single
@pytest.mark.usefixtures("in_job")
@pytest.mark.parametrize("fails", [False, True])
def test_a_job_leaves_neither_variables_nor_patches(fails: bool) -> None:
    from lightning.pytorch.strategies.launchers import subprocess_script

    before = dict(os.environ), dict(vars(subprocess_script))
    try:
        with isolated_job():
            assert subprocess_script._hydra_subprocess_cmd is child_command
            os.environ.update(dict.fromkeys(DDP_VARIABLES, "7"))
            if fails:
                raise ValueError
    except Stopped:
        assert fails
    assert (dict(os.environ), dict(vars(subprocess_script))) == before
