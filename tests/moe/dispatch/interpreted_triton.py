"""Run by `test_triton.py` in a process whose environment has Triton interpret its kernels."""

from collections.abc import Iterator

import pytest
import torch

from triptych.moe import triton_dispatch
from triptych.moe.dispatch.triton import launch

from . import triton_checks as checks
from .stacked_cases import TOLERANCE, Case, check_agreement


@pytest.fixture(autouse=True)
def poison() -> Iterator[None]:
    """New memory is full of NaN: what nobody wrote cannot be taken for a number."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", checks.CASES)
def test_kernels_agree_with_the_reference_in_outputs_and_all_gradients(case, dtype):
    check_agreement(triton_dispatch, case, dtype, "cpu")


@pytest.mark.parametrize("case", checks.EDGES)
def test_kernels_agree_at_the_edges(case):
    check_agreement(triton_dispatch, case, torch.float32, "cpu")


@pytest.mark.parametrize("case", [Case(runs="some"), Case(activation=checks.SwiGLU)])
def test_rows_wider_than_a_block_are_whole(case, monkeypatch):
    monkeypatch.setattr(launch, "WIDEST", 8)
    check_agreement(triton_dispatch, case, torch.float32, "cpu")


def test_any_strides_are_fine():
    checks.agrees_with_transposed_and_expanded_gradients("cpu")
    checks.agrees_on_tokens_that_are_not_contiguous("cpu")


def test_dropout_is_applied_to_hidden_units(monkeypatch):
    checks.agrees_with_dropout_that_drops_whole_columns("cpu", monkeypatch)


def test_autocast_decides_the_precision():
    checks.computes_in_the_precision_of_autocast("cpu")


def test_only_the_first_layers_output_is_kept():
    checks.keeps_one_tensor_of_n_rows_for_backward("cpu")


def test_frozen_parameters_get_no_gradient():
    checks.gives_no_gradient_to_what_is_frozen("cpu")


def test_a_nan_of_the_tokens_is_not_hidden():
    checks.shows_a_nan_of_the_tokens("cpu")
