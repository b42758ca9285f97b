"""A callback that makes one process of one run fail; named by `+callbacks.bomb._target_`."""

import os
from typing import Any

import lightning as L

PLANNED = "planned failure of rank 1"


class InTraining(L.Callback):
    """Rank 1 fails at step 2, if the seed is 0."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        if self.seed == 0 and trainer.global_rank == 1 and trainer.global_step == 2:
            raise RuntimeError(PLANNED)


class AtBirth(L.Callback):
    """Rank 1 fails before it joins rank 0, if the seed is 0."""

    def __init__(self, seed: int) -> None:
        if seed == 0 and os.environ.get("LOCAL_RANK") == "1":
            raise RuntimeError(PLANNED)
