"""A moving average of the weights that takes part in everything a run does."""

from typing import Any, final

import lightning as L
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.trainer.states import TrainerFn

from triptych.errors import InvalidSetting


@final
class EMA(EMAWeightAveraging):
    """Averages weights after each optimizer step, `a <- decay a + (1 - decay) w`, beginning with
    their values after the first; buffers are copied. The average is what is validated, what
    checkpoints hold in `state_dict`, and what is tested.

    Args:
        decay: in [0, 1); the average is over about the last `1 / (1 - decay)` steps.
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise InvalidSetting(f"decay must be in [0, 1), got {decay}")
        super().__init__(decay=decay, use_buffers=False)

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Only where training goes on: Lightning would put the weights of the last step into a
        module that is to be tested with the average."""
        if trainer.state.fn == TrainerFn.FITTING:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)
