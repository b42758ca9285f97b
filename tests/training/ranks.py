"""One of several processes that train the watched mixture together."""

import os
from pathlib import Path
from typing import Any

import torch

from triptych.training import DataParallelStrategy

from .tiny import Diary, pair, trainer
from .watched import routers, watched


def trained(devices: int = 1) -> dict[str, Any]:
    """Two epochs with accumulated gradients: what routers were told, weights and metrics."""
    like, data = pair()
    module, diary = watched(like), Diary()
    settings = {"precision": "64-true", "accumulate_grad_batches": 3, "max_epochs": 2}
    strategy = DataParallelStrategy() if devices > 1 else "auto"
    trainer([diary], devices=devices, strategy=strategy, **settings).fit(module, data)
    return {
        "told": [torch.stack(router.told) for router in routers(module)],
        "decided": [torch.stack(router.decided) for router in routers(module)],
        "weights": dict(module.network.state_dict()),
        "logged": diary.logged,
    }


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
        torch.save(trained(world), Path(folder, f"{index}.pt"))
    finally:
        torch.distributed.destroy_process_group()
