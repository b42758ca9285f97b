"""One of the runs that are trained in one program, with the record of an ordinary run."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, final

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning import __version__ as lightning_version
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from triptych import evaluations
from triptych.errors import InvalidSetting
from triptych.launch import say_failed
from triptych.run.build import Job, build_job, open_loggers
from triptych.run.checkpoint import METRICS
from triptych.run.checks import check_known, why_not_lockstep
from triptych.run.recorder import identified, identity, new_result, recorded
from triptych.run.train import Score, matched, outcome, plain, score, test
from triptych.sweep import Replica, earlier
from triptych.tracking import Deferred, FolderLogger, StoreLogger
from triptych.training import KEY, Member


@final
class ReplicaRun:
    """A replica, its record and what trains it.

    Attributes:
        is_done: whether an earlier start of the sweep finished it.
        score: of the monitored metric, or of what `sweep.objectives` names.
    """

    job: Job
    member: Member

    def __init__(self, cfg: DictConfig, replica: Replica) -> None:
        self.replica = replica
        with as_replica(replica):
            own = self.cfg = settings_of(cfg, replica)
            self.config: dict[str, Any] = OmegaConf.to_container(own, resolve=True)  # pyright: ignore
            self.raw: Any = OmegaConf.to_container(own, resolve=False)
            self.result = new_result(self.config, list(replica.overrides))
        folder, in_sweep = replica.folder, HydraConfig.get().mode == RunMode.MULTIRUN
        before = earlier(folder, self.result.config_hash) if in_sweep else None
        self.is_done = before is not None and before.is_done
        self.score: Score | None = None
        if before is not None and before.is_done:
            print(f"done before: {outcome(before.result, folder)}")
            self.score = score(before.result, self._objectives)
        else:
            self.result.id = identity(folder, before is not None)
            loggers = identified(self.config["logger"], self.result.id)
            self.config["logger"] = self.result.config["logger"] = loggers
            for file in (METRICS, evaluations.FILE):  # of an earlier start
                (folder / file).unlink(missing_ok=True)
            self._opened: list[Logger] = []
            self._record = recorded(self.result, folder, self._opened)
            self._record.__enter__()
            self._is_open = True

    @property
    def _objectives(self) -> Sequence[str]:
        return self.config["sweep"]["objectives"]

    def build(self, share: float) -> None:
        """Makes data, module and trainer, and a member that trains with others.

        Args:
            share: of the time that it is charged with.

        Raises:
            InvalidSetting: if something cannot be built, or not trained in lockstep.
        """
        with as_replica(self.replica):
            check_known(self.result.overrides, self.raw)
            if (reason := why_not_lockstep(self.config)) is not None:
                raise InvalidSetting(f"{reason}: leave it out, or train with replicas=1")
            self.config = matched(self.cfg, self.config, self.result)
            folder = str(self.replica.folder)
            self.job = job = build_job(self.config, folder, self.result.name, share)
            OmegaConf.save(OmegaConf.create(self.config), self.replica.folder / "config.yaml")
        side_by_side = FolderLogger | StoreLogger  # the others know one open run at a time
        loggers = [x if isinstance(x, side_by_side) else Deferred(x) for x in job.trainer.loggers]
        self._opened += [x for x in loggers if isinstance(x, StoreLogger)]
        open_loggers(self._opened, self.config)
        self._deferred = [logger for logger in loggers if isinstance(logger, Deferred)]
        self.member = member_of(job, self.config, loggers)

    def end(self) -> None:
        """Writes the best checkpoint, tests it and closes the record; an error is the replica's
        own and was recorded."""
        try:
            if self.member.failure is not None:
                raise self.member.failure
            self._test()
        except Exception as error:
            self.close(error)
            self.say(error)
        else:
            self.close(None)
            print(outcome(self.result, self.replica.folder))
            self.score = score(self.result, self._objectives)

    def _test(self) -> None:
        result, job, member = self.result, self.job, self.member
        open_loggers([deferred.logger for deferred in self._deferred], self.config)
        for logger in self._deferred:
            logger.hand_over()
        best = self._write_best()
        _goes_on_after(job, member)
        result.epochs, result.steps = member.epochs, member.steps
        result.metrics["final"] = plain(member.trainer.callback_metrics)
        result.metrics["best"] = plain({str(job.checkpoint.monitor): member.best_score})
        test(job, best, result)

    def _write_best(self) -> str:
        job, kept = self.job, self.member.best_state
        about = {"config": self.config, "metrics": kept["metrics"], "rows": {}}
        path = f"{job.checkpoint.dirpath}/best{job.checkpoint.FILE_EXTENSION}"
        checkpoint = {
            **kept["panel"],
            "epoch": kept["epoch"],
            "global_step": kept["global_step"],
            "pytorch-lightning_version": lightning_version,
            "state_dict": kept["state_dict"],
            "callbacks": {},
            "optimizer_states": [],
            "lr_schedulers": [],
            KEY: about,
        }
        job.trainer.strategy.save_checkpoint(checkpoint, path)
        return path

    def say(self, error: Exception) -> None:
        """Says in one line that it failed, and why."""
        with as_replica(self.replica):
            say_failed(error)

    def close(self, error: BaseException | None) -> None:
        """Ends the record, once."""
        if not self._is_open:
            return
        self._is_open = False
        if error is None:
            self._record.__exit__(None, None, None)
        else:
            with suppress(BaseException):  # it is raised again when it has been recorded
                self._record.__exit__(type(error), error, error.__traceback__)


def member_of(job: Job, config: Mapping[str, Any], loggers: Sequence[Logger]) -> Member:
    """What is trained with others of the run of a job."""
    return Member(
        module=job.module,
        data=job.data,
        loggers=loggers,
        best=job.checkpoint,
        early_ends=job.early_ends,
        clip=config["trainer"]["gradient_clip_val"],
        meter=job.meter,
    )


def _goes_on_after(job: Job, member: Member) -> None:
    """Tells the trainer that tests how many steps were trained, so that loggers hear of it."""
    progress = job.trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress
    progress.optimizer.step.total.completed = member.steps
    job.trainer.fit_loop.epoch_loop.on_load_checkpoint({"_batches_that_stepped": member.steps})
    job.trainer.fit_loop.epoch_progress.current.completed = member.epochs


def settings_of(cfg: DictConfig, replica: Replica) -> DictConfig:
    """The settings of a replica: those of all with its own values."""
    own = copy.deepcopy(cfg)
    with read_write(own), open_dict(own):
        own.replicas = 1
        own.sweep.group = None
        for key, value in replica.own.items():
            OmegaConf.update(own, key, value)
    return own


@contextmanager
def as_replica(replica: Replica) -> Iterator[None]:
    """Inside, what configurations ask Hydra about is about the replica's own run."""
    inside = HydraConfig.instance()
    before: Any = inside.cfg
    hydra = copy.deepcopy(before)
    hydra.hydra._set_parent(before.hydra._get_parent())  # its settings refer to those of the run
    with read_write(hydra.hydra), open_dict(hydra.hydra):
        hydra.hydra.runtime.output_dir = str(replica.folder)
        hydra.hydra.overrides.task = list(replica.overrides)
        if hydra.hydra.mode == RunMode.MULTIRUN:
            hydra.hydra.job.num = replica.number
    inside.cfg = hydra
    try:
        yield
    finally:
        inside.cfg = before
