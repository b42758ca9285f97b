from pathlib import Path

import torch

from triptych.training import ConfigInCheckpoint

from ..tiny import fit


def test_a_checkpoint_holds_its_configuration_and_loads_without_executing_anything(
    tmp_path: Path,
) -> None:
    config = {"seed": 3, "data": {"families": ["a", "b"]}, "none": None}
    _, _, runner = fit(callbacks=[ConfigInCheckpoint(config)])
    runner.save_checkpoint(tmp_path / "it.ckpt")
    checkpoint = torch.load(tmp_path / "it.ckpt", weights_only=True)
    assert checkpoint["triptych"] == {"config": config}
