"""The checkpoint that is tested in the end: the best one of the whole run, also after a resume."""

import shutil
from pathlib import Path
from typing import Any, final

from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from triptych.training.module import ClassifierModule


@final
class BestCheckpoint(ModelCheckpoint):
    """Keeps `best.ckpt`, the epoch with the best `monitor`, of those with a net of final size: see
    `ClassifierModule.settled`.

    A run that resumes in a folder of its own takes the best checkpoint so far along; Lightning
    would forget its score, and test the best of the later epochs only.

    Args:
        dirpath: where it is kept.
        monitor: a logged metric, such as `val/acc`.
        mode: `max` or `min`.
    """

    def __init__(self, dirpath: str, monitor: str, mode: str) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="best",
            monitor=monitor,
            mode=mode,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Whether this epoch is the best so far."""
        module = trainer.lightning_module
        assert isinstance(module, ClassifierModule)
        return module.settled and super().check_monitor_top_k(trainer, current)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the best score so far, and a copy of its file."""
        super().load_state_dict(self._moved(state_dict))

    def _moved(self, state: dict[str, Any]) -> dict[str, Any]:
        old, folder = Path(state["best_model_path"]), Path(str(self.dirpath))
        if old.parent == folder or not old.is_file():
            return state
        new = str(folder / old.name)
        _copy(old, new)
        return state | {
            "dirpath": self.dirpath,
            "best_model_path": new,
            "best_k_models": {new: state["best_model_score"]},
            "kth_best_model_path": new,
        }


@rank_zero_only
def _copy(old: Path, new: str) -> None:
    Path(new).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(old, new)
