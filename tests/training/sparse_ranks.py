"""One of several processes that train sparse nets together."""

import os
from pathlib import Path
from typing import Any

import torch

from triptych.errors import MasksDiffer

from .rules import RULES, at_work
from .tiny import pair, trainer


def trained(rule: str, devices: int) -> dict[str, Any]:
    """Two epochs: all masks and weights."""
    module, data = pair(*at_work(rule))
    strategy = "ddp" if devices > 1 else "auto"
    settings = {"precision": "64-true", "max_epochs": 2, "gradient_clip_val": 0.5}
    trainer(devices=devices, strategy=strategy, **settings).fit(module, data)
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
        torch.save({**found, "refusal": refusal(index)}, Path(folder, f"{index}.pt"))
    finally:
        torch.distributed.destroy_process_group()
