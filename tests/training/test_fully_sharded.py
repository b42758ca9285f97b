from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback
from lightning.pytorch.plugins import MixedPrecision, Precision

from triptych.errors import IncompatibleSettings
from triptych.training import EMA, BalancePressure, check_fully_sharded

from ..processes import together
from .checkpoints import RESUMED, same
from .sharded import CASES, EPOCHS, TAKEN_UP, Sharded, learn
from .tiny import pair

slow = pytest.mark.slow
each_case = pytest.mark.parametrize("case", CASES)
each_resumed = pytest.mark.parametrize("case", TAKEN_UP)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sharded")


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Any]:
    """What one process logs, by case; and its checkpoints, of the first epoch too."""
    for case in TAKEN_UP:
        learn(case, folder / f"{case}-alone-half.ckpt", "auto", 1)
    return {case: learn(case, folder / f"{case}-alone.ckpt", "auto") for case in CASES}


@pytest.fixture(scope="module")
def sharded(alone: Any, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What two ranks log."""
    return together(Sharded(folder), 2, tmp_path_factory.mktemp("found"))


@slow
@each_case
def test_a_sharded_net_learns_what_one_process_learns(
    sharded: list[Any], folder: Path, case: str
) -> None:
    """Clipped by the norm of the whole net, with checkpoints of the whole net."""
    same(folder / f"{case}-sharded.ckpt", folder / f"{case}-alone.ckpt")


@slow
@each_case
def test_a_sharded_net_is_measured_as_in_one_process(
    sharded: list[Any], alone: Any, case: str
) -> None:
    for rank in sharded:
        assert rank[case]["logged"] == pytest.approx(alone[case]["logged"], rel=1e-9, abs=1e-9)
        assert rank[case]["total"] == alone[case]["total"]


@slow
@each_case
def test_each_process_holds_a_part_of_the_net(sharded: list[Any], alone: Any, case: str) -> None:
    held = [rank[case]["held"] for rank in sharded]
    assert sum(held) == alone[case]["held"]
    assert max(held) < 0.6 * sum(held)


@slow
@each_resumed
def test_a_checkpoint_of_one_process_goes_on_sharded(
    sharded: list[Any], folder: Path, case: str
) -> None:
    same(folder / f"{case}-sharded-after-alone.ckpt", folder / f"{case}-alone.ckpt", RESUMED)


@slow
@each_resumed
def test_a_checkpoint_of_a_sharded_net_goes_on_in_one_process(
    sharded: list[Any], folder: Path, case: str
) -> None:
    after = folder / f"{case}-alone-after-sharded.ckpt"
    learn(case, after, "auto", EPOCHS, folder / f"{case}-half.ckpt")
    same(after, folder / f"{case}-alone.ckpt", RESUMED)


SCALED = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))


@pytest.mark.parametrize(
    ("overrides", "callbacks", "precision", "message"),
    [
        (["model=sparse", "model/rule=rigl"], [], Precision(), "take model/rule=static"),
        (["model=sparse", "model/kernel=csr"], [], Precision(), "take model/kernel=masked"),
        (["model=moe", "model/router=soft"], [], Precision(), "scale is a single number"),
        (["model=ffn"], [EMA(0.9)], Precision(), "callbacks: EMA looks at whole weights"),
        (["model=moe"], [BalancePressure()], Precision(), "BalancePressure looks at whole"),
        (["model=ffn"], [], SCALED, "take bf16-mixed"),
    ],
)
def test_what_needs_whole_weights_is_refused(
    overrides: list[str], callbacks: list[Callback], precision: Precision, message: str
) -> None:
    with pytest.raises(IncompatibleSettings, match=message):
        check_fully_sharded(pair(*overrides)[0], callbacks, precision)


@pytest.mark.parametrize("model", ["ffn", "sparse", "moe", "monarch", "small_dense", "controller"])
def test_what_needs_none_passes_the_check(model: str) -> None:
    check_fully_sharded(pair(f"model={model}")[0], [], MixedPrecision("bf16-mixed", "cpu"))
