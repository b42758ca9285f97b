import os
from pathlib import Path
from typing import Any

import pytest
import torch

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.run.checks import check

from ..composed import CONF, composed
from ..launched import TASK, TORCHRUN


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return composed("model=moe", "trainer=cpu")


def changed(config: dict[str, Any], **groups: dict[str, Any]) -> dict[str, Any]:
    return {**config, **{name: {**config[name], **new} for name, new in groups.items()}}


def test_the_defaults_pass(config: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    check(config)
    check(changed(config, trainer={"devices": "auto"}))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("trainer", "devices", 0),
        ("trainer", "devices", -2),
        ("trainer", "devices", -1),
        ("trainer", "devices", 1.5),
        ("trainer", "max_epochs", 0),
        ("trainer", "max_epochs", -1),
        ("trainer", "max_epochs", 2.5),
        ("trainer", "max_epochs", None),
        ("model", "lr", 0),
        ("model", "lr", -1e-3),
        ("model", "lr", float("nan")),
        ("model", "lr", "fast"),
        ("model", "clip", 0),
        ("model", "top_k", None),
        ("data", "num_clusters", 2.5),
        ("data", "relevant", True),
        ("data", "rho", "far"),
        ("data", "label_noise", None),
    ],
)
def test_a_number_that_no_run_can_have_is_named_with_its_key(
    config: dict[str, Any], group: str, key: str, value: Any
) -> None:
    with pytest.raises(InvalidSetting) as caught:
        check(changed(config, **{group: {key: value}}))
    assert str(caught.value).startswith(f"{group}.{key}={value}")
    assert "\n" not in str(caught.value)


def test_clipping_in_mixed_precision_is_refused_for_a_fused_optimizer(
    config: dict[str, Any],
) -> None:
    """Lightning refuses it in the first step, as a fault of the program."""
    mixed = changed(config, trainer={"precision": "bf16-mixed"}, optimizer={"fused": True})
    with pytest.raises(IncompatibleSettings, match=r"bf16-mixed.* set optimizer\.fused=null"):
        check(mixed)
    check(changed(mixed, optimizer={"fused": None}))
    check(changed(mixed, trainer={"gradient_clip_val": None}))
    check(changed(mixed, trainer={"precision": "bf16-true"}))


def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InvalidSetting, match="no GPU here; use trainer=cpu"):
        check(changed(config, trainer={"accelerator": "gpu"}))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check(changed(config, trainer={"accelerator": "gpu", "devices": 2}))
    check(changed(config, trainer={"accelerator": "gpu", "devices": -1}))
    for accelerator in ("gpu", "auto"):
        with pytest.raises(InvalidSetting, match="devices=3: this machine has 2 GPUs"):
            check(changed(config, trainer={"accelerator": accelerator, "devices": 3}))


def test_more_processes_than_cores_are_warned_of_once(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    many = changed(config, trainer={"devices": 3})
    check(many)
    assert "3 processes share 2 cores" in capsys.readouterr().err
    monkeypatch.setenv("LOCAL_RANK", "1")
    check(many)
    assert capsys.readouterr().err == ""


def test_several_machines_need_a_launcher(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = changed(config, trainer={"num_nodes": 2})
    with pytest.raises(InvalidSetting, match=r"num_nodes=2: .* torchrun or srun"):
        check(two)
    for name, value in (TORCHRUN | {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}).items():
        monkeypatch.setenv(name, value)
    check(two)


def test_as_many_devices_are_asked_for_as_a_launcher_has_started_processes(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TASK.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSetting, match=r"set trainer\.devices=2 trainer\.num_nodes=2$"):
        check(config)
    check(changed(config, trainer={"devices": 2, "num_nodes": 2}))
    check(changed(config, trainer={"devices": "auto", "num_nodes": 2}))
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")  # which starts the others itself
    check(changed(config, trainer={"devices": 2}))


def test_devices_that_srun_has_not_told_are_asked_for(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match=r"trainer=slurm .* --ntasks-per-node"):
        check(changed(config, trainer={"devices": None}))


def test_a_checkpoint_to_resume_from_must_be_there(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="there is no such file"):
        check({**config, "ckpt_path": str(tmp_path / "no.ckpt")})
    with pytest.raises(InvalidSetting, match="there is no such file"):
        check({**config, "ckpt_path": str(tmp_path)})


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 half of a file"])
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(
    config: dict[str, Any], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(InvalidSetting, match="not a readable checkpoint") as caught:
        check({**config, "ckpt_path": str(tmp_path / "a.ckpt")})
    assert "\n" not in str(caught.value)


MASKS = CONF / "model" / "mask"


@pytest.mark.parametrize("mask", sorted(path.stem for path in MASKS.glob("*.yaml")))
def test_masks_that_are_chosen_and_a_rule_that_has_first_masks_of_its_own_are_refused(
    mask: str,
) -> None:
    model = composed("model=sparse", f"model/mask={mask}", "model/rule=pruning")
    if "start" not in model["model"]["mask"]:
        check(model)
        return
    with pytest.raises(IncompatibleSettings, match=r"model\.rule\.initial=0\.0") as caught:
        check(model)
    assert "\n" not in str(caught.value)
    check(composed("model=sparse", f"model/mask={mask}", "model/rule=rigl"))
