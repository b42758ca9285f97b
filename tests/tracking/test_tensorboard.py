import sys
from pathlib import Path

import pytest

from triptych.errors import InvalidSetting
from triptych.tracking import TensorBoardLogger

from . import tiny


def test_the_curve_is_in_the_run_folder(no_account: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    logger = TensorBoardLogger(tmp_path / "run")
    logger.log_hyperparams({"model": {"top_k": 2}})
    tiny.fit([logger])
    events = accumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    points = [(event.step, event.value) for event in events.Scalars("val/acc")]
    assert points == list(zip(tiny.VALIDATION_STEPS, [1.0, 0.75], strict=True))


def test_a_missing_package_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(InvalidSetting, match=r"^[^\n]*pip install -e '\.\[trackers\]'$"):
        TensorBoardLogger(tmp_path)
