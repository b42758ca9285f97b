"""What can be refused before any work starts, and what deserves a warning."""

import dataclasses
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hydra.utils import get_class

from triptych.config import Config
from triptych.data import InMemoryData
from triptych.errors import IncompatibleSettings, InvalidSetting, nearest
from triptych.run.checkpoint import check_resumable
from triptych.types import Cost
from triptych.world import World, is_first_rank, world

PANELS = ("ffn", "sparse", "moe")
MEASURED = ("val/", "train/")
WHOLE = {
    "model": ("top_k", "num_experts", "d_hidden", "block", "blocks", "rank"),
    "data": (
        *("n_train", "n_val", "n_test", "batch_size", "seq_len"),
        *("num_clusters", "teacher_units", "d_content", "d_in", "relevant", "d_patch"),
        *("num_families", "label_bins", "window"),
    ),
}
"""Settings that count something."""
LEVELS = ("noise", "label_noise", "rho", "sigma")
"""Settings of data that measure something."""


def check(config: Mapping[str, Any]) -> None:
    """Looks at knobs, masks, devices, steps and the checkpoint to resume from.

    Raises:
        InvalidSetting: naming the key, the value and the remedy.
    """
    _check_whole(config)
    _check_knobs(config["model"])
    _check_start(config["model"])
    _check_devices(config["trainer"])
    _check_world(config["trainer"], world())
    _check_steps(config["trainer"])
    _check_precision(config)
    _check_objectives(config["sweep"]["objectives"])
    if config["ckpt_path"] is not None:
        check_resumable(config["ckpt_path"], config)


def why_not_lockstep(config: Mapping[str, Any]) -> str | None:
    """What about these settings only a run of its own can do, or None."""
    trainer = config["trainer"]
    possible = {
        "devices": (1, "1", "auto"),
        "num_nodes": (1,),
        "accumulate_grad_batches": (1,),
        "compile": (False,),
        "strategy": ("auto",),
        "gradient_clip_algorithm": (None, "norm"),
        "precision": ("32-true", "64-true", 32, 64, "32", "64"),
    }
    for key, values in possible.items():
        if key in trainer and trainer[key] not in values:
            return f"trainer.{key}={trainer[key]} is not for nets that are trained in lockstep"
    for name, node in config["callbacks"].items():
        kind = node["_target_"].rpartition(".")[2] if node else ""
        if kind not in ("", "BestCheckpoint", "ModelCheckpoint", "Patience", "Threshold"):
            return f"callbacks.{name} ({kind}) is not for nets that are trained in lockstep"
    if not issubclass(get_class(config["data"]["_target_"]), InMemoryData):
        return "data that are read from files are not for nets that are trained in lockstep"
    if config["match"] and config["match"]["_target_"].endswith(".TimeMatch"):
        return "match=time measures single nets, which is not for nets that are trained in lockstep"
    if config["ckpt_path"] is not None:
        return f"ckpt_path={config['ckpt_path']} is of one run"
    return None


def check_known(overrides: Sequence[str], config: Mapping[str, Any]) -> None:
    """Refuses what was forced in with `+` and that nothing refers to: root keys, knobs.

    Args:
        overrides: as typed.
        config: plain, with its references unresolved.

    Raises:
        InvalidSetting: naming the nearest key.
    """
    _check_roots(config)
    knobs = [k for k, v in config["model"].items() if not isinstance(v, Mapping) and k != "name"]
    for override in overrides:
        forced = re.match(r"\+{1,2}model\.(\w+)=", override)
        if forced is None or forced[1] not in knobs or forced[1] in ("lr", "clip"):
            continue
        if f"${{model.{forced[1]}}}" not in str(config):
            others = [k for k in knobs if k != forced[1]]
            raise InvalidSetting(
                f"model.{forced[1]}: nothing uses this knob{nearest(forced[1], others)}"
            )


def _check_roots(config: Mapping[str, Any]) -> None:
    roots = [field.name for field in dataclasses.fields(Config)]
    for key in config:
        if key not in roots:
            raise InvalidSetting(f"unknown key '{key}'{nearest(key, roots)}")


def _check_whole(config: Mapping[str, Any]) -> None:
    for group, keys in WHOLE.items():
        for key in keys:
            value = config[group].get(key, 1)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InvalidSetting(f"{group}.{key}={value} must be a whole number")
    for key in LEVELS:
        value = config["data"].get(key, 0.0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidSetting(f"data.{key}={value} must be a number")


def _check_knobs(model: Mapping[str, Any]) -> None:
    if model["name"] not in PANELS:
        raise InvalidSetting(f"model.name={model['name']} must be one of {', '.join(PANELS)}")
    for key, value in model.items():
        if key != "name" and not isinstance(value, Mapping | int | float):
            raise InvalidSetting(f"model.{key}={value} must be a number")
    for key in ("lr", "clip"):
        if not model[key] > 0:
            raise InvalidSetting(f"model.{key}={model[key]} must be greater than 0")


def _check_start(model: Mapping[str, Any]) -> None:
    if "start" in model.get("mask", {}) and "initial" in model.get("rule", {}):
        raise IncompatibleSettings(
            f"model/rule begins with model.rule.initial={model['rule']['initial']}, but this"
            " model/mask chooses masks for model.sparsity: take model/mask=uniform, or"
            " model/rule=static"
        )


def check_accelerator(key: str, accelerator: str, remedy: str) -> None:
    """Refuses a GPU that is not there.

    Raises:
        InvalidSetting: naming the key and the remedy.
    """
    if accelerator in ("gpu", "cuda") and torch.cuda.device_count() == 0:
        raise InvalidSetting(f"{key}={accelerator}: torch sees no GPU here; use {remedy}")


def _check_devices(trainer: Mapping[str, Any]) -> None:
    devices, accelerator = trainer["devices"], trainer["accelerator"]
    if devices is None:
        raise InvalidSetting(
            "trainer.devices: trainer=slurm takes it from SLURM_NTASKS_PER_NODE, which is not set;"
            " start it by srun in a job with --ntasks-per-node, see docs/clusters.md"
        )
    gpus = torch.cuda.device_count()
    wants_gpu = accelerator in ("gpu", "cuda")
    check_accelerator("trainer.accelerator", accelerator, "trainer=cpu")
    if not isinstance(devices, int | float):
        return
    on_gpu = wants_gpu or (accelerator == "auto" and gpus > 0)
    every_gpu = on_gpu and devices == -1
    if isinstance(devices, float) or (devices < 1 and not every_gpu):
        raise InvalidSetting(
            f"trainer.devices={devices} must be a whole number of at least 1, or -1 for all GPUs"
        )
    if on_gpu and devices > gpus:
        raise InvalidSetting(
            f"trainer.devices={devices}: this machine has {gpus} GPUs; ask for at most {gpus}"
        )
    cores = os.cpu_count() or 1
    if not on_gpu and devices > cores and is_first_rank():
        print(
            f"warning: trainer.devices={devices} processes share {cores} cores: this will be slow",
            file=sys.stderr,
        )


def _check_world(trainer: Mapping[str, Any], place: World | None) -> None:
    devices, nodes = trainer["devices"], trainer["num_nodes"]
    if place is None and nodes != 1:
        raise InvalidSetting(
            f"trainer.num_nodes={nodes}: on several machines torchrun or srun has to start the"
            " processes, one for each device; see docs/clusters.md"
        )
    # A single task may start the processes of its other devices itself.
    if place is None or (place.launcher, place.size) == ("srun", 1):
        return
    each = place.size // place.nodes
    counted = isinstance(devices, int) and devices > 0  # else whatever is there
    if nodes != place.nodes or (counted and devices != each):
        raise InvalidSetting(
            f"trainer.devices={devices} trainer.num_nodes={nodes}: {place.launcher} has started"
            f" {each} processes on each of {place.nodes} machines; set trainer.devices={each}"
            f" trainer.num_nodes={place.nodes}"
        )


def _check_steps(trainer: Mapping[str, Any]) -> None:
    for key in ("max_epochs", "accumulate_grad_batches"):
        value = trainer.get(key, 1)
        if not isinstance(value, int) or value < 1:
            raise InvalidSetting(f"trainer.{key}={value} must be a whole number of at least 1")
    deterministic = trainer.get("deterministic", False)
    if deterministic not in (True, False, "warn"):
        raise InvalidSetting(f"trainer.deterministic={deterministic} must be true, false or warn")


def _check_precision(config: Mapping[str, Any]) -> None:
    trainer, optimizer = config["trainer"], config["optimizer"]
    precision = str(trainer.get("precision"))
    if "mixed" in precision and trainer.get("gradient_clip_val") and optimizer.get("fused"):
        raise IncompatibleSettings(
            f"trainer.precision={precision}: Lightning cannot clip gradients for a fused"
            " optimizer then; set optimizer.fused=null"
        )


def _check_objectives(names: Sequence[str]) -> None:
    costs = [field.name for field in dataclasses.fields(Cost)]
    for name in names:
        if name not in costs and not name.startswith(MEASURED):
            raise InvalidSetting(
                f"sweep.objectives: '{name}' is neither measured ({', '.join(MEASURED)}...) nor a"
                f" cost ({', '.join(costs)}){nearest(name, costs)}"
            )
