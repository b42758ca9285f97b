"""Several processes that can talk to each other, for tests of what ranks do together."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist

Task = Callable[[int, int], Any]
"""(rank, world) -> what the rank found."""


def together(task: Task, world: int, folder: Path) -> list[Any]:
    """What each rank of `world` processes found; a rank that fails fails the test.

    Args:
        task: a function of a module.
        folder: an empty one, for what they found.
    """
    # Children of a server that has imported what is dear. Children of this process could not
    # compute gradients: its autograd may already have threads.
    multiprocessing.set_forkserver_preload(["triptych.run.build"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.start_processes(
        _rank, (task, world, port, str(folder)), nprocs=world, start_method="forkserver"
    )
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(world)]


def _rank(rank: int, task: Task, world: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": str(rank),  # by which Lightning knows that it need not start processes
    }
    dist.init_process_group("gloo", rank=rank, world_size=world)
    try:
        torch.save(task(rank, world), Path(folder, f"{rank}.pt"))
    finally:
        dist.destroy_process_group()
