"""Every rule with every kernel that conf/ has, where the code lets them work together."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from triptych.data import ClassificationData
from triptych.errors import InvalidSetting
from triptych.run.build import build_data, build_module
from triptych.sparse import SparseLinear
from triptych.training import SparseModule

from ..composed import CONF, composed
from .tiny import SMALL

# Of the sparsity that all masks can have. Little dropout: it makes curves restless.
SPARSITY = 0.5
BASE = ("model=sparse", f"model.sparsity={SPARSITY}", "model.dropout=0.1", "optimizer=adamw")


def names(group: str) -> list[str]:
    return sorted(path.stem for path in Path(CONF, "model", group).glob("*.yaml"))


PAIRS = [f"{kernel}-{rule}" for kernel in names("kernel") for rule in names("rule")]


@cache
def base() -> dict[str, Any]:
    return composed(*SMALL, *BASE)


@cache
def data() -> ClassificationData:
    return build_data(base())


@cache
def loaded(name: str) -> dict[str, Any]:
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{name}.yaml"))
    return {key: value for key, value in node.items() if key != "defaults"}


def refusal(parts: dict[str, str]) -> str | None:
    """What the program says of a kernel, a rule and a mask together; None if it takes them.

    Put together by hand, much sooner than composing all anew.
    """
    whole = base()["model"]
    groups = {group: loaded(f"{group}/{name}") for group, name in parts.items()}
    recipes = {key: loaded("sparse")[key] for key in ("panel", "module")}
    model = OmegaConf.create({"seed": base()["seed"], "model": {**whole, **groups, **recipes}})
    config: Any = {**base(), "model": OmegaConf.to_container(model, resolve=True)["model"]}
    try:
        build_module(config, data())
    except InvalidSetting as error:
        return str(error)
    return None


@cache
def overrides(pair: str) -> tuple[str, ...] | str:
    """The settings of a pair, or why there are none. Where the program names another mask as the
    remedy, that one is taken. Masks change every 3 steps, where a rule says how often."""
    kernel, rule = pair.split("-")
    parts, tried = {"kernel": kernel, "rule": rule, "mask": "uniform"}, set[str]()
    while (words := refusal(parts)) is not None:
        tried.add(parts["mask"])
        remedies = [mask for mask in re.findall(r"model/mask=(\w+)", words) if mask not in tried]
        if not remedies:
            return words
        parts["mask"] = remedies[0]
    often = ["model.rule.every=3"] if "every" in loaded(f"rule/{rule}") else []
    return (*BASE, *(f"model/{group}={name}" for group, name in parts.items()), *often)


def settings(pair: str) -> tuple[str, ...]:
    found = overrides(pair)
    assert not isinstance(found, str), found
    return found


RUNNING = [pair for pair in PAIRS if not isinstance(overrides(pair), str)]
REFUSED = {pair: str(overrides(pair)) for pair in PAIRS if pair not in RUNNING}


def layers(module: torch.nn.Module) -> dict[str, SparseLinear]:
    assert isinstance(module, SparseModule)
    return module.sparse_layers()


def strays(layer: SparseLinear, laid_out: Tensor) -> int:
    """How many numbers in the layout of a layer's weights are not 0 though no weight is there."""
    inside = torch.count_nonzero(layer.spread(laid_out))
    return int(torch.count_nonzero(laid_out) - inside)
