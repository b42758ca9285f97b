"""Nets as the real configuration builds them."""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from triptych.models import Classifier
from triptych.run.build import build_data, build_module
from triptych.training import ClassifierModule

from .composed import composed

BACKBONES = ("residual", "notebook")
MODELS = {
    (panel, backbone): (f"model={panel}", f"model/backbone={backbone}")
    for panel in ("ffn", "sparse", "moe", "controller", "monarch")
    for backbone in BACKBONES
}
MODELS["moe", "notebook"] = ("model=notebook_moe",)
MODELS["single", "residual"] = ("model=single",)
MODELS["single", "patches"] = ("model=patches_single",)
MODELS["moe", "patches"] = ("model=patches_moe",)
D_IN, CLASSES = 32, 4


@cache
def _config(*overrides: str) -> dict[str, Any]:
    return composed(*overrides)


def module(*overrides: str) -> ClassifierModule:
    config = _config(*overrides)
    return build_module(config, build_data(config))


def network(*overrides: str) -> Classifier:
    return module(*overrides).network


def signals(samples: int) -> Tensor:
    return torch.randn(samples, D_IN, generator=torch.Generator().manual_seed(0))
