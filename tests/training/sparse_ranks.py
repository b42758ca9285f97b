"""One of several processes that train sparse nets together."""

import os
from pathlib import Path
from typing import Any

import torch

from triptych.errors import MasksDiffer
from triptych.training import EMA

from .rules import RULES, at_work
from .sparse_cases import RUNNING, settings
from .tiny import pair, trainer

# Rules bring a kernel of their own; `auto` goes by the clock and has tests of its own.
APART = ("masked", "straight_through", "auto")
KERNELS = [name for name in RUNNING if name.partition("-")[0] not in APART]


def trained(rule: str, devices: int) -> dict[str, Any]:
    """Two epochs: all masks and weights."""
    module, data = pair(*at_work(rule))
    strategy = "ddp" if devices > 1 else "auto"
    settings = {"precision": "64-true", "max_epochs": 2, "gradient_clip_val": 0.5}
    trainer(devices=devices, strategy=strategy, **settings).fit(module, data)
    return dict(module.network.state_dict())


def averaged(name: str, devices: int) -> dict[str, Any]:
    """The same of a kernel and a rule, with micro-batches: averages of the weights."""
    module, data = pair(*settings(name), "model.dropout=0.0")
    strategy = "ddp" if devices > 1 else "auto"
    how = {"precision": "64-true", "max_epochs": 2, "accumulate_grad_batches": 2}
    trainer([EMA(0.5)], devices=devices, strategy=strategy, **how).fit(module, data)
    return dict(module.network.state_dict())


def refusal(index: int) -> str:
    """What is said where one process draws from a seed of its own."""
    module, data = pair(*at_work("set"))
    module.seed += index
    try:
        trainer(devices=2, strategy="ddp").fit(module, data)
    except MasksDiffer as error:
        return str(error)
    return ""


def rank(index: int, world: int, port: int, folder: str) -> None:
    """As Lightning expects a process that something else started."""
    torch.set_num_threads(1)
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(world),
        "NODE_RANK": "0",
        "LOCAL_RANK": str(index),
    }
    try:
        found: dict[str, Any] = {rule: trained(rule, world) for rule in RULES}
        found |= {name: averaged(name, world) for name in KERNELS}
        torch.save({**found, "refusal": refusal(index)}, Path(folder, f"{index}.pt"))
    finally:
        torch.distributed.destroy_process_group()
