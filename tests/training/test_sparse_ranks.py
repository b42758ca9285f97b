from typing import Any

import pytest
import torch

from ..processes import together
from .rules import RULES
from .sparse_ranks import KERNELS, averaged, found, trained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return together(found, 2, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("rule", RULES)
def test_two_processes_have_the_masks_and_weights_of_one_on_the_joint_batch(
    rule: str, two: list[dict[str, Any]]
) -> None:
    """Each sees half of every batch: a mask from a gradient of its own would be another one."""
    one = trained(rule, devices=1)
    masks = [name for name, value in one.items() if value.dtype == torch.bool]
    assert len(masks) == 4
    for each in two:
        assert all(torch.equal(each[rule][name], one[name]) for name in masks)
        torch.testing.assert_close(each[rule], one, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", KERNELS)
def test_two_processes_average_micro_batches_as_one_does_with_every_kernel(
    name: str, two: list[dict[str, Any]]
) -> None:
    one = averaged(name, devices=1)
    for each in two:
        # Averages are in single precision, as is the module that Lightning copies.
        torch.testing.assert_close(each[name], one, rtol=0, atol=1e-6)


def test_a_process_that_draws_another_mask_is_found_out_at_the_first_update(
    two: list[dict[str, Any]],
) -> None:
    wanted = "masks differ between processes after step 3: "
    for each in two:
        assert each["refusal"].startswith(wanted)
        assert "\n" not in each["refusal"]


def test_all_processes_begin_with_the_places_of_the_first(two: list[dict[str, Any]]) -> None:
    """Masks that look at samples are chosen on each, and processors may round otherwise."""
    first, second = (each["corrected"] for each in two)
    assert any(name.endswith("columns") for name in first)
    torch.testing.assert_close(second, first, rtol=0, atol=0)
