"""What one job of train.py is: a run, or replicas that are trained together."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from triptych.run.replicas import train_replicas
from triptych.run.train import Score, train
from triptych.sweep import by_seed, read_group


def run_job(cfg: DictConfig) -> Score | list[Score | None] | None:
    """Trains, validates and tests as configured.

    Returns:
        The score of a run, or the scores of all replicas.
    """
    if cfg.sweep.group is not None:
        return train_replicas(cfg, read_group(Path(cfg.sweep.group)))
    if cfg.replicas == 1:
        return train(cfg)
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    overrides = list(hydra.overrides.task)
    return train_replicas(cfg, by_seed(cfg.replicas, cfg.seed, overrides, folder))
