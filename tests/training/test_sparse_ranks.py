import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from .rules import RULES
from .sparse_ranks import KERNELS, averaged, rank, trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(rank, (2, port, str(folder)), nprocs=2)
    return [torch.load(Path(folder, f"{index}.pt")) for index in range(2)]


@pytest.mark.parametrize("rule", RULES)
def test_two_processes_have_the_masks_and_weights_of_one_on_the_joint_batch(
    rule: str, two: list[dict[str, Any]]
) -> None:
    """Each sees half of every batch: a mask from a gradient of its own would be another one."""
    one = trained(rule, devices=1)
    masks = [name for name, value in one.items() if value.dtype == torch.bool]
    assert len(masks) == 4
    for found in two:
        assert all(torch.equal(found[rule][name], one[name]) for name in masks)
        torch.testing.assert_close(found[rule], one, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", KERNELS)
def test_two_processes_average_micro_batches_as_one_does_with_every_kernel(
    name: str, two: list[dict[str, Any]]
) -> None:
    one = averaged(name, devices=1)
    for found in two:
        # Averages are in single precision, as is the module that Lightning copies.
        torch.testing.assert_close(found[name], one, rtol=0, atol=1e-6)


def test_a_process_that_draws_another_mask_is_found_out_at_the_first_update(
    two: list[dict[str, Any]],
) -> None:
    wanted = "masks differ between processes after step 3: "
    for found in two:
        assert found["refusal"].startswith(wanted)
        assert "\n" not in found["refusal"]
