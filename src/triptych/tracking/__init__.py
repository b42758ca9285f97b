"""Where metrics go: logger adapters for Lightning. Trackers are imported when a run opens."""

from triptych.tracking.csv import CsvLogger
from triptych.tracking.deferred import Deferred
from triptych.tracking.folder_logger import FolderLogger
from triptych.tracking.hyperparameters import config_for_loggers
from triptych.tracking.mlflow import MlflowLogger
from triptych.tracking.publish import Place, dry_run, publish
from triptych.tracking.store_logger import StoreLogger
from triptych.tracking.tables import TablesLogger, TakesTables
from triptych.tracking.tensorboard import TensorBoardLogger
from triptych.tracking.trackio import TrackioLogger
from triptych.tracking.wandb import WandbLogger, agent_run, close_run

__all__ = [
    "CsvLogger",
    "Deferred",
    "FolderLogger",
    "MlflowLogger",
    "Place",
    "StoreLogger",
    "TablesLogger",
    "TakesTables",
    "TensorBoardLogger",
    "TrackioLogger",
    "WandbLogger",
    "agent_run",
    "close_run",
    "config_for_loggers",
    "dry_run",
    "publish",
]
