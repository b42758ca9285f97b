"""What one job of train.py is: a run, or replicas that are trained together."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from triptych import result as results
from triptych.errors import ReplicaFailed
from triptych.result import Result
from triptych.run.replicas import train_group, train_replicas
from triptych.run.summary import show_replicas
from triptych.run.train import Score, train
from triptych.sweep import Replica, by_seed, read_group


def run_job(cfg: DictConfig) -> Score | list[Score | None] | None:
    """Trains, validates and tests as configured.

    Returns:
        The score of a run, or the scores of all replicas.

    Raises:
        InvalidSetting: as `train`, and for replicas that cannot be trained in lockstep.
        ReplicaFailed: if one of them failed, when all others are done; of jobs that a sweep
            trains together only with `sweep.fail_fast`, as others go on.
    """
    if cfg.sweep.group is not None:
        replicas = read_group(Path(cfg.sweep.group))
        scores = train_group(cfg, replicas)
        if cfg.sweep.fail_fast:
            _refuse_failures(replicas)
        return scores
    if cfg.replicas == 1:
        return train(cfg)
    hydra = HydraConfig.get()
    folder, overrides = Path(hydra.runtime.output_dir), list(hydra.overrides.task)
    replicas = by_seed(cfg.replicas, cfg.seed, overrides, folder)
    scores = train_replicas(cfg, replicas)
    if hydra.mode != RunMode.MULTIRUN:
        show_replicas([_record(replica) for replica in replicas], folder)
    _refuse_failures(replicas)
    return scores


def _record(replica: Replica) -> Result:
    return results.read(replica.folder / results.FILE)


def _refuse_failures(replicas: Sequence[Replica]) -> None:
    failed = [replica.folder for replica in replicas if _record(replica).status == "failed"]
    if failed:
        what = f"{len(failed)} of {len(replicas)} replicas failed"
        raise ReplicaFailed(f"{what}, see {', '.join(map(str, failed))}")
