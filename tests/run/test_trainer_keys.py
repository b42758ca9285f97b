"""The keys of conf/trainer, as trainings in this process take them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy, Strategy
from torch import Tensor

from triptych.launch.explain import explain
from triptych.run.build import build_data, build_module, build_trainer
from triptych.training import DataParallelStrategy

from ..composed import composed

# 6 batches of 16 an epoch, or 12 of 8.
SMALL = ("data.n_train=96", "data.n_val=48", "trainer.max_epochs=2", "trainer=cpu")
EXACT = ("model.dropout=0.0", "trainer.precision=64-true")


def trained(folder: Path, *overrides: str) -> tuple[int, dict[str, Tensor]]:
    """The steps that were taken, and the weights after them."""
    config = composed(*SMALL, *overrides)
    data = build_data(config)
    module = build_module(config, data)
    trainer = build_trainer(config, [], [], str(folder))
    trainer.fit(module, data)
    return trainer.global_step, module.network.state_dict()


def test_half_batches_accumulated_are_whole_ones(tmp_path: Path) -> None:
    typed = ("model=ffn", *EXACT, "+trainer.enable_checkpointing=false")
    whole, weights = trained(tmp_path, *typed, "data.batch_size=16")
    halves, same = trained(
        tmp_path, *typed, "data.batch_size=8", "trainer.accumulate_grad_batches=2"
    )
    assert (whole, halves) == (12, 12)
    torch.testing.assert_close(same, weights, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("typed", "strategy"),
    [
        ((), SingleDeviceStrategy),
        (("trainer.devices=2",), DataParallelStrategy),
        (("trainer.num_nodes=2",), DataParallelStrategy),
        (("trainer=ddp",), DataParallelStrategy),
        (("trainer.devices=2", "+trainer.strategy=auto"), DataParallelStrategy),
        (("trainer.devices=2", "+trainer.strategy=ddp"), DDPStrategy),
        (("trainer=ddp", "trainer.strategy=ddp"), DDPStrategy),
    ],
)
def test_several_devices_are_trained_by_our_strategy_unless_another_is_typed(
    tmp_path: Path, typed: tuple[str, ...], strategy: type[Strategy]
) -> None:
    config = composed("trainer=cpu", *typed)
    assert type(build_trainer(config, [], [], str(tmp_path)).strategy) is strategy


@pytest.fixture
def _strict() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("_strict")
@pytest.mark.parametrize("panel", ["ffn", "sparse", "moe"])
def test_each_panel_has_a_deterministic_form_on_the_cpu(tmp_path: Path, panel: str) -> None:
    typed = (f"model={panel}", "+trainer.enable_checkpointing=false", "trainer.deterministic=true")
    steps, _ = trained(tmp_path, *typed, "trainer.max_epochs=1")
    assert torch.are_deterministic_algorithms_enabled()
    assert steps == 1


@pytest.mark.usefixtures("_strict")
def test_what_has_no_deterministic_form_is_named() -> None:
    torch.use_deterministic_algorithms(True)
    with pytest.raises(RuntimeError) as refusal:
        torch.zeros(2).put_(torch.tensor([0]), torch.ones(1))
    line = explain(refusal.value, None)
    assert line is not None
    assert line.startswith("trainer.deterministic=true: put_")
    assert "set trainer.deterministic=false" in line
