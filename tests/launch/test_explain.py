import sys
from pathlib import Path

import pytest

from triptych.config import register
from triptych.errors import InvalidSetting, TrainingDiverged
from triptych.launch.explain import explain

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture(autouse=True)
def _schema(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setattr(sys, "argv", ["train.py"])


def raised(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", [InvalidSetting, TrainingDiverged])
def test_our_own_errors_speak_for_themselves_however_deep(kind: type[Exception]) -> None:
    deep = raised(RuntimeError("wrapped"), raised(ValueError("again"), kind("top_k is 9")))
    assert explain(deep, CONF) == "top_k is 9"


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyError("x"), AssertionError()])
def test_a_fault_of_the_program_is_not_explained_away(error: Exception) -> None:
    assert explain(error, CONF) is None


def test_a_file_that_cannot_be_written_is_named() -> None:
    error = PermissionError(13, "Permission denied", "/somewhere")
    assert (
        explain(error, CONF) == "cannot write to /somewhere: Permission denied; set hydra.run.dir"
    )


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sead", "unknown key 'sead'; did you mean 'seed'?"),
        ("trainer.device", "unknown key 'trainer.device'; did you mean 'trainer.devices'?"),
        ("zzzzzz", "unknown key 'zzzzzz'; `python train.py --cfg job` shows all"),
    ],
)
def test_an_unknown_key_is_shown_with_the_nearest(key: str, expected: str) -> None:
    line = explain(RuntimeError(f"Could not override '{key}'.\nKey is not in struct"), CONF)
    assert line is not None
    assert line.startswith(expected)


@pytest.mark.parametrize(
    ("typed", "panel"), [([], "ffn"), (["model=sparse"], "sparse"), (["model=moe,ffn"], "ffn")]
)
def test_a_knob_of_another_panel_names_the_panel_and_its_knobs(
    monkeypatch: pytest.MonkeyPatch, typed: list[str], panel: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *typed])
    line = explain(RuntimeError("Could not override 'model.top_k'."), CONF)
    assert line is not None
    assert line.startswith(f"model.top_k: panel '{panel}' has no knob 'top_k'; it has ")
    assert "d_hidden" in line
    assert "_target_" not in line
