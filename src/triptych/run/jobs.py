"""What one job of train.py is: a run, or replicas that are trained together."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from triptych.errors import ReplicaFailed
from triptych.run.replicas import train_group, train_replicas
from triptych.run.train import Score, train
from triptych.sweep import by_seed, read_group


def run_job(cfg: DictConfig) -> Score | list[Score | None] | None:
    """Trains, validates and tests as configured.

    Returns:
        The score of a run, or the scores of all replicas.

    Raises:
        InvalidSetting: as `train`, and for replicas that cannot be trained in lockstep.
        ReplicaFailed: if one of them failed, when all others are done.
    """
    if cfg.sweep.group is not None:
        return train_group(cfg, read_group(Path(cfg.sweep.group)))
    if cfg.replicas == 1:
        return train(cfg)
    hydra = HydraConfig.get()
    folder, overrides = Path(hydra.runtime.output_dir), list(hydra.overrides.task)
    replicas = by_seed(cfg.replicas, cfg.seed, overrides, folder)
    scores = train_replicas(cfg, replicas)
    failed = [replica for replica, score in zip(replicas, scores, strict=True) if score is None]
    if failed:
        raise ReplicaFailed(f"{len(failed)} of {len(scores)} replicas failed, see {folder}")
    return scores
