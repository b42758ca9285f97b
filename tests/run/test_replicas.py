"""The pure parts; tests/e2e/test_replicas.py has whole trainings."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from triptych.config import register
from triptych.result import Result, Status
from triptych.run.checks import why_not_lockstep
from triptych.run.replica import as_replica, settings_of
from triptych.run.summary import replicas_line
from triptych.sweep import Replica

from ..composed import CONF, composed


def of_a_run(*overrides: str) -> DictConfig:
    """As Hydra composes it for a job, its own settings included."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        place = ["hydra.runtime.output_dir=run", "hydra.mode=RUN", "hydra.job.num=0"]
        return compose("train", [*place, *overrides], return_hydra_config=True)


def test_the_settings_of_a_replica_are_its_own(tmp_path: Path) -> None:
    cfg = of_a_run("replicas=4", "seed=2", "sweep.group=file")
    own = settings_of(cfg, Replica(tmp_path, 1, {"seed": 3, "model.lr": 0.5}, []))
    assert (own.seed, own.model.lr, own.optimizer.lr) == (3, 0.5, 0.5)
    assert (own.replicas, own.sweep.group) == (1, None)
    assert (cfg.seed, cfg.replicas, cfg.sweep.group) == (2, 4, "file")


def test_inside_a_replica_hydra_is_about_it_alone(tmp_path: Path) -> None:
    HydraConfig.instance().set_config(of_a_run())
    before = HydraConfig.instance().cfg
    replica = Replica(tmp_path / "1", 1, {"seed": 3}, ["seed=3"])
    try:
        with as_replica(replica):
            inside = HydraConfig.get()
            assert inside.runtime.output_dir == str(tmp_path / "1")
            assert list(inside.overrides.task) == ["seed=3"]
            assert inside.sweep.dir.startswith("logs/train/multiruns")  # refers to `sweep.resume`
        assert HydraConfig.instance().cfg is before
        assert HydraConfig.get().runtime.output_dir == "run"
    finally:
        HydraConfig.instance().cfg = None


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["model=moe"],
        ["model=sparse", "model/rule=rigl"],
        ["callbacks=threshold", "callbacks.threshold.at={5: 0.5}"],
        ["trainer.precision=64-true"],
        ["match=active", "model=moe"],
        ["data=clusters"],
    ],
    ids=" ".join,
)
def test_most_runs_can_be_trained_in_lockstep(overrides: list[str]) -> None:
    assert why_not_lockstep(composed(*overrides)) is None


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("trainer.devices=2", "trainer.devices=2"),
        ("trainer.accumulate_grad_batches=2", "trainer.accumulate_grad_batches=2"),
        ("trainer.compile=true", "trainer.compile=True"),
        ("trainer.precision=bf16-mixed", "trainer.precision=bf16-mixed"),
        ("trainer=fsdp", "trainer.strategy="),
        ("callbacks=ema", "callbacks.ema"),
        ("data=memmap data.path=folder", "read from files"),
        ("match=time", "match=time"),
        ("ckpt_path=a.ckpt", "ckpt_path=a.ckpt"),
    ],
)
def test_what_only_a_run_of_its_own_can_do_is_named(override: str, key: str) -> None:
    assert key in (why_not_lockstep(composed(*override.split())) or "")


def record(status: Status, accuracy: float) -> Result:
    return Result(status, "ffn-s0", "ffn", 0, metrics={"test": {"test/acc": accuracy}})


@pytest.mark.parametrize(
    ("results", "line"),
    [
        # 0.2 and 0.4: mean 0.3, standard deviation sqrt(2 * 0.1^2 / 1) = 0.1414
        (
            [record("finished", 0.2), record("finished", 0.4)],
            "2 replicas: test accuracy 0.3000 ± 0.1414, in runs",
        ),
        (
            [record("finished", 0.2), record("failed", 0.9)],
            "1 of 2 replicas: test accuracy 0.2000, in runs",
        ),
        ([record("failed", 0.9)], "0 of 1 replicas finished, in runs"),
    ],
)
def test_replicas_are_summed_up_in_a_line(results: list[Result], line: str) -> None:
    assert replicas_line(results, Path("runs")) == line
