"""Checkpoints held against each other."""

from pathlib import Path

import torch

# Lightning loads weights before it makes them double, so a resumed run starts from rounded ones.
RESUMED = 1e-6


def same(ours: Path, theirs: Path, tolerance: float = 1e-10) -> None:
    """Equal weights and states of the optimizer."""
    first, second = (torch.load(file, weights_only=True) for file in (ours, theirs))
    assert first["state_dict"].keys() == second["state_dict"].keys()
    for part in ("state_dict", "optimizer_states"):
        torch.testing.assert_close(first[part], second[part], rtol=0, atol=tolerance)
