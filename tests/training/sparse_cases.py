"""Every rule with every kernel, as conf/ has them, where the code itself lets them work together."""

from functools import cache
from pathlib import Path

import torch
from omegaconf import OmegaConf
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.sparse import SparseLinear
from triptych.training import SparseModule

from ..composed import CONF
from .tiny import pair

SPARSE = CONF / "model"


def names(group: str) -> list[str]:
    return sorted(path.stem for path in Path(SPARSE, group).glob("*.yaml"))


KERNELS, RULES = names("kernel"), names("rule")


def overrides(kernel: str, rule: str, mask: str, every: int = 3) -> tuple[str, ...]:
    """Masks change often, where they change."""
    often = "every" in OmegaConf.load(SPARSE / "rule" / f"{rule}.yaml")
    parts = {"kernel": kernel, "rule": rule, "mask": mask}
    chosen = tuple(f"model/{group}={name}" for group, name in parts.items())
    return ("model=sparse", *chosen, *([f"model.rule.every={every}"] if often else []))


@cache
def cases() -> dict[str, tuple[str, ...]]:
    """The overrides of each pair that can be built, with the first mask that suits it."""
    found: dict[str, tuple[str, ...]] = {}
    for kernel in KERNELS:
        for rule in RULES:
            for mask in ("uniform", *names("mask")):
                try:
                    pair(*overrides(kernel, rule, mask))
                except InvalidSetting:
                    continue
                found[f"{kernel}-{rule}"] = overrides(kernel, rule, mask)
                break
    return found


def refused() -> list[tuple[str, str]]:
    """The pairs that no mask suits."""
    pairs = ((kernel, rule) for kernel in KERNELS for rule in RULES)
    return [(kernel, rule) for kernel, rule in pairs if f"{kernel}-{rule}" not in cases()]


def layers(module: torch.nn.Module) -> dict[str, SparseLinear]:
    assert isinstance(module, SparseModule)
    return module.sparse_layers()


def strays(layer: SparseLinear, laid_out: Tensor) -> int:
    """How many numbers in the layout of a layer's weights are not 0 though no weight is there."""
    inside = torch.count_nonzero(layer.spread(laid_out))
    return int(torch.count_nonzero(laid_out) - inside)
