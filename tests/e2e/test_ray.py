"""A sweep by Ray, where it is installed: see docs/clusters.md."""

import pytest

from .commands import Commands
from .test_interruption import wait_until_none_survives

pytest.importorskip("hydra_plugins.hydra_ray_launcher", reason="needs Ray and its launcher")
pytestmark = pytest.mark.slow


def test_a_sweep_by_ray_ends_as_others_and_goes_on(commands: Commands) -> None:
    typed = ("model.lr=3e-3,1e9", "trainer.devices=1,2", "hydra/launcher=ray")
    sweep = commands.sweep(*typed, "hydra.launcher.ray.init.address=local")
    assert sweep.code == 1, sweep.err
    assert "2 done, 2 failed" in sweep.out.splitlines()
    assert [job.status for job in sweep.jobs] == ["finished", "finished", "failed", "failed"]
    assert [job.device.get("processes") for job in sweep.jobs[:2]] == [1, 2]
    failures = [line for line in sweep.err.splitlines() if "failed debug=fast" in line]
    assert len(failures) == 2
    assert all(line.endswith("lower model.lr or model.clip") for line in failures)
    assert "Traceback" not in sweep.err
    again = commands.script("train.py", f"sweep.resume={sweep.folder}", folder=sweep.folder)
    assert "2 done, 2 failed" in again.out.splitlines()
    assert [job.id for job in again.jobs[:2]] == [job.id for job in sweep.jobs[:2]]
    wait_until_none_survives(sweep.mark)
