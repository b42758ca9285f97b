import pytest

from triptych.training import cluster_environment

from ..launched import BATCH, TASK, TORCHRUN


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "LightningEnvironment"),
        (BATCH, "LightningEnvironment"),
        (TASK | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_STEP_NUM_NODES": "1"}, "LightningEnvironment"),
        (TASK | {"SLURM_NTASKS_PER_NODE": "2"}, "SLURMEnvironment"),
        (TORCHRUN, "TorchElasticEnvironment"),
    ],
    ids=["alone", "script of a batch job", "its one task", "one of its tasks", "torchrun"],
)
def test_lightning_is_told_what_has_started_the_processes(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    environment = cluster_environment()
    assert type(environment).__name__ == name
    assert not getattr(environment, "auto_requeue", False)
