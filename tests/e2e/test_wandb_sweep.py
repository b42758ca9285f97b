"""The real `wandb agent` runs a job of `scripts/wandb_sweep.yaml`."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from triptych.result import find

from .commands import ROOT, Commands
from .wandb_server import RUN, SWEEP, Server, Sweep, account, listening

pytestmark = [pytest.mark.slow, pytest.mark.wandb_protocol]

# One value for each parameter.
JOB = {"model.lr": 0.002, "model.top_k": 1, "model.balance_coef": 0.05}


def test_an_agent_runs_a_job_which_counts_in_its_sweep(tmp_path: Path) -> None:
    sweep = yaml.safe_load((ROOT / "scripts" / "wandb_sweep.yaml").read_text())
    assert sweep["parameters"].keys() == JOB.keys()
    sweep["command"].insert(-1, "debug=fast")
    tools = Path(sys.executable).parent
    server = Server(Sweep(sweep, str(ROOT / sweep["program"]), JOB))
    with listening(server) as address:
        path = {"PATH": f"{tools}:{os.environ['PATH']}"}
        commands = Commands(tmp_path, account(address) | path)
        agent = commands.script(str(tools / "wandb"), "agent", "--count=1", f"me/triptych/{SWEEP}")
    assert agent.code == 0, agent.err
    ((_, run),) = find(tmp_path)
    assert (run.status, run.panel) == ("finished", "moe"), agent.err
    assert run.overrides == ["model=moe", "debug=fast", *(f"{k}={v}" for k, v in JOB.items())]
    assert run.id == RUN
    assert server.runs.keys() == {RUN}
    assert (server.runs[RUN]["sweep"], server.endings) == (SWEEP, {RUN: 0})
    assert server.summary(RUN)[sweep["metric"]["name"]] == run.metrics["best"]["val/acc"]
    assert server.config(RUN)["model"]["top_k"] == 1
    assert "Ignoring" not in agent.err
    assert "WARNING" not in agent.err
