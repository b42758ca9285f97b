"""What can be refused before any work starts, and what deserves a warning."""

import os
import sys
from collections.abc import Mapping
from typing import Any

import torch

from triptych.errors import InvalidSetting
from triptych.run.checkpoint import check_resumable


def check(config: Mapping[str, Any]) -> None:
    """Looks at knobs, devices, epochs and the checkpoint to resume from.

    Raises:
        InvalidSetting: naming the key, the value and the remedy.
    """
    _check_knobs(config["model"])
    _check_devices(config["trainer"])
    _check_epochs(config["trainer"])
    if config["ckpt_path"] is not None:
        check_resumable(config["ckpt_path"], config)


def _check_knobs(model: Mapping[str, Any]) -> None:
    for key, value in model.items():
        if key != "name" and not isinstance(value, Mapping | int | float):
            raise InvalidSetting(f"model.{key}={value} must be a number")
    for key in ("lr", "clip"):
        if not model[key] > 0:
            raise InvalidSetting(f"model.{key}={model[key]} must be greater than 0")


def _check_devices(trainer: Mapping[str, Any]) -> None:
    devices, accelerator = trainer["devices"], trainer["accelerator"]
    gpus = torch.cuda.device_count()
    wants_gpu = accelerator in ("gpu", "cuda")
    if wants_gpu and gpus == 0:
        raise InvalidSetting(
            f"trainer.accelerator={accelerator}: torch sees no GPU here; use trainer=cpu"
        )
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
    if not on_gpu and devices > cores and "LOCAL_RANK" not in os.environ:
        print(
            f"warning: trainer.devices={devices} processes share {cores} cores: this will be slow",
            file=sys.stderr,
        )


def _check_epochs(trainer: Mapping[str, Any]) -> None:
    epochs = trainer["max_epochs"]
    if not isinstance(epochs, int) or epochs < 1:
        raise InvalidSetting(f"trainer.max_epochs={epochs} must be a whole number of at least 1")
