from pathlib import Path

import pytest
import torch

from triptych.sparse.kernels.auto import LAYOUT

from ..processes import together
from .kernel_ranks import trained

pytestmark = pytest.mark.slow


def test_all_ranks_go_by_the_clock_of_the_first_and_have_equal_weights(tmp_path: Path) -> None:
    """The second rank would have chosen otherwise. Batches of 16 are 8 rows on each rank."""
    first, second = together(trained, 2, tmp_path)
    for layer, chosen in second["chosen"].items():
        kind = "cpu torch.float32 autocast None rows 8 training"
        assert chosen[kind] == first["chosen"][layer][kind] == LAYOUT
    for name, value in first["weights"].items():
        assert torch.equal(value, second["weights"][name])
