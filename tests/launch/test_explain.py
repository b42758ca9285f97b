import sys
from pathlib import Path

import pytest

from triptych.config import register
from triptych.errors import InvalidSetting, LayerCollapsed, MasksDiffer, TrainingDiverged
from triptych.launch.explain import explain

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture(autouse=True)
def _schema(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setattr(sys, "argv", ["train.py"])


def raised(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", [InvalidSetting, TrainingDiverged, LayerCollapsed, MasksDiffer])
def test_our_own_errors_speak_for_themselves_however_deep(kind: type[Exception]) -> None:
    deep = raised(RuntimeError("wrapped"), raised(ValueError("again"), kind("top_k is 9")))
    assert explain(deep, CONF) == "top_k is 9"


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyError("x"), AssertionError()])
def test_a_fault_of_the_program_is_not_explained_away(error: Exception) -> None:
    assert explain(error, CONF) is None


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ConnectionError("Failed to connect to Ray cluster at a:1"), "RAY_AUTH_MODE=token set"),
        (ValueError("x object_store_memory must not be provided."), "object_store_memory=null"),
    ],
)
def test_a_cluster_of_ray_that_cannot_be_used_is_no_fault_of_the_program(
    error: Exception, remedy: str
) -> None:
    line = explain(error, CONF)
    assert line is not None
    assert line.startswith(f"hydra/launcher=ray: {str(error).rstrip('.')}; ")
    assert remedy in line


def test_a_file_that_cannot_be_written_is_named() -> None:
    error = PermissionError(13, "Permission denied", "/run/somewhere")
    told = "cannot write to /run/somewhere: Permission denied; set hydra.run.dir"
    for folder in (None, Path("/run")):
        line = explain(error, CONF, folder)
        assert line is not None
        assert line.startswith(told)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "Permission denied", "/elsewhere"),
        IsADirectoryError(21, "Is a directory", "/run/somewhere"),
    ],
)
def test_no_other_folder_is_advised_where_it_would_not_help(error: OSError) -> None:
    assert explain(error, CONF, Path("/run")) == f"{error.filename}: {error.strerror}"


def test_an_error_after_a_file_error_that_was_dealt_with_is_a_fault_of_the_program() -> None:
    error = RuntimeError("boom")
    error.__context__ = FileNotFoundError(2, "No such file or directory", "/run/cache")
    assert explain(error, CONF, Path("/run")) is None


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


def test_a_typo_in_a_command_for_eval_points_to_the_keys_of_eval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["eval.py"])
    line = explain(RuntimeError("Could not override 'ckpt_pth'."), CONF)
    assert line == (
        "unknown key 'ckpt_pth'; did you mean 'ckpt_path'?; `python eval.py --cfg job` shows all"
    )


@pytest.mark.parametrize(
    ("typed", "panel"),
    [
        ([], "ffn"),
        (["model=sparse"], "sparse"),
        (["model=moe,ffn"], "ffn"),
        (["-m", "experiment=sweep/sparsity", "seed=3"], "sparse"),
        (["optimizer=sgd", "experiment=sweep/top_k,sweep/sparsity"], "sparse"),
    ],
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
