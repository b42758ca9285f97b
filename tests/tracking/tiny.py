"""The smallest real training: one linear layer, four batches of four rows, two epochs."""

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.loggers import Logger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

# Two epochs of four batches: validation is logged at these steps, the test after the last.
VALIDATION_STEPS = [3, 7]
TEST_STEP = 8


class Tiny(L.LightningModule):
    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.fails = fails

    def _loss(self, batch: Sequence[Tensor]) -> Tensor:
        return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def training_step(self, batch: Sequence[Tensor]) -> Tensor:
        if self.fails and self.current_epoch == 1:
            raise ArithmeticError("planned failure")
        loss = self._loss(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch: Sequence[Tensor]) -> None:
        # Falls from epoch to epoch, so that the maximum is not the last value.
        self.log("val/acc", 1.0 - 0.25 * self.current_epoch, sync_dist=True)
        self.log("val/loss", self._loss(batch), sync_dist=True)

    def test_step(self, batch: Sequence[Tensor]) -> None:
        self.log("test/acc", 0.5)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def rows(count: int) -> DataLoader[tuple[Tensor, ...]]:
    x = torch.linspace(-1, 1, 3 * count).reshape(count, 3)
    return DataLoader(TensorDataset(x, torch.arange(count) % 2), batch_size=4)


def trainer(loggers: list[Logger], **settings: Any) -> L.Trainer:
    plain = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 2,
        "log_every_n_steps": 1,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }
    return L.Trainer(logger=loggers, **{**plain, **settings})


def fit(loggers: list[Logger], fails: bool = False, **settings: Any) -> L.Trainer:
    runner = trainer(loggers, **settings)
    runner.fit(Tiny(fails), rows(16), rows(8))
    return runner
