import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from .ranks import rank, trained

pytestmark = pytest.mark.slow

Found = dict[str, Any]


@pytest.fixture(scope="module")
def one() -> Found:
    return trained()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(rank, (2, port, str(folder)), nprocs=2)
    return [torch.load(Path(folder, f"{index}.pt")) for index in range(2)]


def test_routers_are_told_the_same_on_all_ranks_as_in_one_process(
    one: Found, two: list[Found]
) -> None:
    assert [told.shape for told in one["told"]] == [(2 * 3, 4)] * 2
    for found in two:
        for told, wanted in zip(found["told"], one["told"], strict=True):
            assert torch.equal(told, wanted)
    for mine, other in zip(two[0]["decided"], two[1]["decided"], strict=True):
        assert not torch.equal(mine, other)  # each saw its own half


def test_two_ranks_learn_what_one_does_under_a_heavy_balance_loss(
    one: Found, two: list[Found]
) -> None:
    for found in two:
        torch.testing.assert_close(found["weights"], one["weights"], rtol=0, atol=1e-10)


def test_two_ranks_log_what_one_does(one: Found, two: list[Found]) -> None:
    """Training load, every loss and churn among it."""
    for found in two:
        for logged, wanted in zip(found["logged"], one["logged"], strict=True):
            assert logged == pytest.approx(wanted, rel=1e-6)
    names = {key.rpartition("/")[2] for key in one["logged"][-1]}
    assert {"balance_loss", "z_loss", "max_load", "drop_rate", "margin", "churn"} <= names
