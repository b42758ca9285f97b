"""A training that was interrupted ends as one that was not, for every rule and every kernel."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from triptych.training import EMA

from ..alike import same
from .sparse_cases import RUNNING, settings
from .tiny import pair, trainer

EPOCHS = 3
PARTS = ("state_dict", "current_model_state", "averaging_state", "optimizer_states")
COUNTS = ("lr_schedulers", "optimizer_steps", "global_step", "epoch")


def learn(name: str, folder: Path, since: Path | None = None) -> dict[str, Any]:
    """The checkpoint of the last epoch, with the state of random numbers after it."""
    module, data = pair(*settings(name), f"trainer.max_epochs={EPOCHS}")
    # Saved after each epoch; the average is of weights, so a resumed one must have its state.
    save = ModelCheckpoint(
        folder, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True, enable_version_counter=False
    )
    runner = trainer(
        [EMA(0.9), save], max_epochs=EPOCHS, gradient_clip_val=0.5, enable_checkpointing=True
    )
    runner.fit(module, data, ckpt_path=None if since is None else str(since))
    ended = torch.load(folder / f"epoch={EPOCHS - 1}.ckpt")
    return {**ended, "random": torch.get_rng_state(), "final": module.state_dict()}


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("name", RUNNING)
def test_a_resumed_training_is_bit_for_bit_the_one_that_never_stopped(
    name: str, tmp_path: Path
) -> None:
    """Masks, weights, averages, the optimizer's state and random numbers."""
    whole = learn(name, tmp_path)
    resumed = learn(name, tmp_path, tmp_path / "epoch=0.ckpt")
    for part in (*PARTS, *COUNTS, "random", "final"):
        same(resumed[part], whole[part])
    assert whole["optimizer_steps"] == EPOCHS * 7
    early = torch.load(tmp_path / "epoch=0.ckpt")["current_model_state"]
    tensors = {k: v for k, v in early.items() if isinstance(v, torch.Tensor)}
    places = [k for k, v in tensors.items() if not v.is_floating_point()]
    assert places
    unmoved = all(torch.equal(early[k], whole["current_model_state"][k]) for k in places)
    assert unmoved is name.endswith("static")
