from pathlib import Path
from typing import Any

import pytest
import torch

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.training import ExpertParallelStrategy

from ..processes import together
from .checkpoints import RESUMED, same
from .spread import CASES, EPOCHS, Spread, learn
from .tiny import pair, trainer

each_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spread")


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Any]:
    """What one process logs, by case; and its checkpoints, of the first epoch too."""
    for case in ("adam", "specialists"):
        learn(case, folder / f"{case}-alone-half.ckpt", "auto", 1)
    return {case: learn(case, folder / f"{case}-alone.ckpt", "auto", EPOCHS) for case in CASES}


@pytest.fixture(scope="module")
def spread(alone: Any, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What two ranks log."""
    return together(Spread(folder), 2, tmp_path_factory.mktemp("found"))


@pytest.mark.slow
@each_case
def test_spread_experts_learn_what_one_process_learns(
    spread: list[Any], alone: Any, folder: Path, case: str
) -> None:
    same(folder / f"{case}-spread.ckpt", folder / f"{case}-alone.ckpt")


@pytest.mark.slow
@each_case
def test_spread_experts_are_measured_as_in_one_process(
    spread: list[Any], alone: Any, case: str
) -> None:
    for rank in spread:
        assert unlike_batches(rank[case]["logged"]) == pytest.approx(
            unlike_batches(alone[case]["logged"]), rel=1e-6, abs=1e-8
        )
        assert rank[case]["total"] == alone[case]["total"]
        assert rank[case]["held"] < alone[case]["held"]


def unlike_batches(logged: dict[str, float]) -> dict[str, float]:
    """Without the pressure, a ratio of norms, which each rank takes of its own samples."""
    assert logged["train/moe/balance_pressure"] > 0
    return {key: value for key, value in logged.items() if not key.endswith("pressure")}


@pytest.mark.slow
def test_two_copies_of_spread_experts_learn_what_one_process_learns(
    alone: Any, folder: Path, tmp_path: Path
) -> None:
    ranks = together(Spread(folder), 4, tmp_path)
    same(folder / "specialists-copies.ckpt", folder / "specialists-alone.ckpt")
    assert all(rank["held"] < alone["specialists"]["held"] for rank in ranks)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["adam", "specialists"])
def test_a_checkpoint_of_one_process_goes_on_with_spread_experts(
    spread: list[Any], folder: Path, case: str
) -> None:
    same(folder / f"{case}-spread-after-alone.ckpt", folder / f"{case}-alone.ckpt", RESUMED)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["adam", "specialists"])
def test_a_checkpoint_of_spread_experts_goes_on_with_plain_ddp(
    spread: list[Any], folder: Path, case: str
) -> None:
    same(folder / f"{case}-ddp-after-spread.ckpt", folder / f"{case}-alone.ckpt", RESUMED)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["adam", "specialists"])
def test_a_checkpoint_of_spread_experts_goes_on_in_one_process(
    spread: list[Any], folder: Path, case: str
) -> None:
    after = folder / f"{case}-alone-after-spread.ckpt"
    learn(case, after, "auto", EPOCHS, folder / f"{case}-half.ckpt")
    same(after, folder / f"{case}-alone.ckpt", RESUMED)


def strategy(devices: int, **settings: Any) -> ExpertParallelStrategy:
    made = ExpertParallelStrategy(**settings)
    trainer(devices=devices, strategy=made)
    return made


def test_what_fits_passes_the_check() -> None:
    net, _ = pair("model=moe", "model.num_experts=4")
    strategy(4).check(net)
    strategy(1).check(net)
    strategy(6, expert_ranks=2).check(net)


@pytest.mark.parametrize(
    ("overrides", "devices", "settings", "message"),
    [
        (["model=ffn"], 2, {}, "the model has no experts"),
        (["model=moe", "model.num_experts=7"], 2, {}, "num_experts=7 cannot be divided over 2"),
        (["model=moe"], 4, {"expert_ranks": 3}, "expert_ranks=3: 4 devices"),
    ],
)
def test_what_does_not_fit_is_refused(
    overrides: list[str], devices: int, settings: dict[str, Any], message: str
) -> None:
    net, _ = pair(*overrides)
    with pytest.raises(InvalidSetting, match=message):
        strategy(devices, **settings).check(net)


def test_scaled_half_precision_is_refused() -> None:
    from lightning.pytorch.plugins import MixedPrecision

    net, _ = pair("model=moe")
    made = strategy(2)
    made.precision_plugin = MixedPrecision("bf16-mixed", "cpu")
    made.check(net)
    made.precision_plugin = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))
    with pytest.raises(IncompatibleSettings, match="take bf16-mixed"):
        made.check(net)
