import json
import socket
from pathlib import Path

import pytest
import torch

from .batches import everything, rank


def flat(node: object, name: str = "") -> dict[str, float]:
    if isinstance(node, dict):
        return {k: v for key, part in node.items() for k, v in flat(part, f"{name}/{key}").items()}
    if isinstance(node, list):
        return {k: v for i, part in enumerate(node) for k, v in flat(part, f"{name}/{i}").items()}
    assert isinstance(node, float | int)
    return {name: node}


@pytest.mark.slow
def test_two_ranks_say_together_what_one_process_says_of_all_data(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(rank, (2, port, str(tmp_path)), nprocs=2)
    wanted = flat(everything(slice(None)))
    for index in range(2):
        found = flat(json.loads((tmp_path / f"{index}.json").read_text()))
        assert found == pytest.approx(wanted, nan_ok=True, rel=1e-6, abs=1e-9)
