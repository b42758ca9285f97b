import socket
from pathlib import Path

import pytest
import torch

from triptych.moe import micro_batch

from .losses import AT_BALANCE, LOSSES
from .ranks import SPLITS, Found, judged, rank

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """What each of two processes has, for all cases: starting processes takes seconds."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(rank, (2, port, str(folder)), nprocs=2)
    return [torch.load(Path(folder, f"{index}.pt")) for index in range(2)]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", LOSSES)
def test_over_the_global_batch_two_processes_learn_what_one_does(found, name, split, padded):
    """The loss, and the gradient that DDP makes of it, also with unequal or no tokens."""
    loss, gradient = judged(name, micro_batch, slice(None), padded)
    for each in found:
        torch.testing.assert_close(each[name, "global", split, padded], (loss, gradient))


# Not each sequence by itself, which no other process has a part in.
@pytest.mark.parametrize("name", sorted({*LOSSES} & {*AT_BALANCE} - {"none", "sequence"}))
def test_over_their_own_tokens_two_unlike_processes_learn_something_else(found, name):
    loss, _ = judged(name, micro_batch, slice(None), False)
    own, _ = found[0][name, "micro", "uneven", False]
    assert abs(float(own - loss)) > 1e-3 * abs(float(loss))
