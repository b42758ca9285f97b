"""Whole runs on a GPU: every model of conf, and every execution that a GPU has."""

from pathlib import Path

import pytest
import torch

from ..composed import CONF
from .commands import Commands, Outcome

pytestmark = [
    pytest.mark.slow,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

HALF = ("trainer.precision=bf16-mixed", "optimizer.fused=null")


def options(group: str) -> list[str]:
    """The names in a folder of conf."""
    return sorted(path.stem for path in Path(CONF, group).glob("*.yaml"))


def on_gpu(commands: Commands, *overrides: str, name: str = "run") -> Outcome:
    """A run that ended well."""
    place = [] if any(o.startswith("trainer=") for o in overrides) else ["trainer=gpu"]
    outcome = commands.cold.train(*place, *overrides, name=name)
    assert outcome.code == 0, outcome.err
    assert outcome.result.device["kind"] == "cuda"
    assert outcome.result.peak_memory_mib > 0
    return outcome


@pytest.mark.parametrize("precision", [(), HALF], ids=["32-true", "bf16-mixed"])
@pytest.mark.parametrize("model", options("model"))
def test_every_model_trains_and_is_evaluated(
    commands: Commands, model: str, precision: tuple[str, ...]
) -> None:
    outcome = on_gpu(commands, f"model={model}", *precision)
    tested = commands.cold.evaluate(outcome.folder / "checkpoints" / "best.ckpt")
    logged = outcome.result.metrics["test"]
    assert tested.keys() == logged.keys()
    assert tested["test/acc"] == pytest.approx(logged["test/acc"], abs=0.02)


@pytest.mark.parametrize("precision", [(), HALF], ids=["32-true", "bf16-mixed"])
@pytest.mark.parametrize("dispatch", ["auto", "loop", "padded", "grouped", "triton"])
def test_every_dispatch_trains(
    commands: Commands, dispatch: str, precision: tuple[str, ...]
) -> None:
    on_gpu(commands, "model=moe", f"model/dispatch={dispatch}", *precision)


@pytest.mark.parametrize("precision", [(), HALF], ids=["32-true", "bf16-mixed"])
@pytest.mark.parametrize(
    "sparse",
    [
        ("model/kernel=block", "model/mask=block"),
        ("model/kernel=csr", "model/rule=rigl"),
        ("model/kernel=narrow", "model/mask=neurons"),
        ("model/kernel=auto", "model/mask=snip"),
        ("model/kernel=semi_structured", "model/mask=two_four", "model.sparsity=0.5"),
        ("model/rule=granet", "callbacks=ema"),
    ],
    ids=" ".join,
)
def test_every_sparse_execution_trains(
    commands: Commands, sparse: tuple[str, ...], precision: tuple[str, ...]
) -> None:
    on_gpu(commands, "model=sparse", *sparse, *precision)


DDP = ("trainer=ddp", "trainer.accelerator=gpu")


@pytest.mark.parametrize(
    "parallel",
    [
        ("model=ffn", *DDP),
        ("model=sparse", "model/rule=rigl", *DDP),
        ("model=moe", *DDP),
        ("model=moe", "trainer=expert_parallel", "trainer.accelerator=gpu"),
        ("model=ffn", "trainer=fsdp", "trainer.accelerator=gpu"),
        ("model=moe", "trainer=fsdp", "trainer.accelerator=gpu"),
    ],
    ids=" ".join,
)
def test_one_process_of_a_parallel_run_trains_over_nccl(
    commands: Commands, parallel: tuple[str, ...]
) -> None:
    on_gpu(commands, *parallel)


def test_a_run_goes_on_from_its_last_checkpoint(commands: Commands) -> None:
    settings = ("model=sparse", "model/rule=rigl", "model/kernel=csr", "scheduler.T_max=3")
    last = on_gpu(commands, *settings).folder / "checkpoints" / "last.ckpt"
    longer = on_gpu(commands, *settings, "trainer.max_epochs=3", f"ckpt_path={last}", name="longer")
    assert longer.result.epochs == 3
