"""Weights & Biases without surprises: it never blocks a run and never mixes two of them.

wandb is imported when a run opens, because the import alone costs up to a second.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger as LightningWandbLogger
from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.evaluations import Evaluation
from triptych.folders import require_writable
from triptych.garbage import lasting
from triptych.tracking.tables import TakesTables
from triptych.tracking.wandb_media import media_of

MODES = ("auto", "online", "offline", "disabled")
SUMMARIES = {"first", "last", "max", "mean", "min", "none"}
STEP = "trainer/global_step"
_OLD_NAMES = {"dryrun": "offline", "run": "online"}


def choose_mode(
    mode: str, environment: Mapping[str, str], has_credentials: Callable[[], bool]
) -> tuple[str, str]:
    """The mode of a run and why it was chosen: the environment wins over the configuration.

    `wandb.init(mode=...)` beats `WANDB_MODE`, so the variable must be heard here.

    Raises:
        InvalidSetting: if the mode is unknown; the message names where it was set.
    """
    asked = environment.get("WANDB_MODE")
    source, stated = ("WANDB_MODE", asked) if asked else ("logger.wandb.mode", mode)
    stated = _OLD_NAMES.get(stated, stated)
    if stated not in MODES:
        raise InvalidSetting(f"{source}={stated} is unknown: choose one of {', '.join(MODES)}")
    if stated != "auto":
        return stated, f"{source}={stated}"
    return ("online", "credentials found") if has_credentials() else ("offline", "not logged in")


def agent_run(environment: Mapping[str, str]) -> str | None:
    """The identity that an agent of a W&B sweep gave to the run that it started; None without one.

    Under another identity, W&B would not know what became of the job.
    """
    return environment.get("WANDB_RUN_ID") if environment.get("WANDB_SWEEP_ID") else None


def close_run(exit_code: int) -> None:
    """Finishes the open wandb run, if there is one, and records how it ended.

    Without this the next job of a multirun would log into the run of this one.
    """
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=exit_code)


@final
class WandbLogger(LightningWandbLogger, TakesTables):
    """Lightning's logger with a mode that suits the machine. A run opens on rank 0 only.

    Args:
        folder: holds one `wandb/` for all jobs, so that `wandb sync` and `wandb leet` see them all.
        mode: `auto` (online when logged in, else offline), `online`, `offline` or `disabled`.
        project: where the run is filed.
        entity: user or team; None for the account's default.
        group: name that the jobs of one sweep share.
        name: title of the run.
        job_type: kind of run inside the group.
        tags: words to filter by.
        id: identity of a run to go on with; None for a new one.
        summary: exact metric name -> what to keep of its values, as in `{"val/acc": "max,last"}`.
        checkpoints: whether the best checkpoint is kept as an artifact; offline it waits in wandb's
            own folder (`WANDB_DATA_DIR`) until the run is uploaded.
        init_timeout_s: seconds to wait for the server before going offline.
        finish_timeout_s: seconds to wait for uploads at the end; what is left stays on disk.

    Raises:
        InvalidSetting: if the mode, a summary, `checkpoints` or the folder cannot be used.
    """

    def __init__(
        self,
        folder: str | Path,
        mode: str = "auto",
        project: str = "triptych",
        entity: str | None = None,
        group: str | None = None,
        name: str | None = None,
        job_type: str | None = None,
        tags: Sequence[str] = (),
        id: str | None = None,
        summary: Mapping[str, str] | None = None,
        checkpoints: bool = False,
        init_timeout_s: float = 15.0,
        finish_timeout_s: float = 60.0,
    ) -> None:
        # wandb's service lives as long as the process and keeps its first working directory,
        # so a relative folder would land there.
        place = Path(folder).absolute()
        super().__init__(
            name=name,
            save_dir=str(place),
            id=id,
            project=project,
            entity=entity,
            group=group,
            job_type=job_type,
            tags=list(tags),
        )
        # Lightning always passes this argument; wandb warns about it and will remove it.
        self._wandb_init.pop("anonymous")
        self._timeouts = {"init_timeout": init_timeout_s, "finish_timeout": finish_timeout_s}
        self._mode = mode
        self._summary = dict(summary or {})
        self._checkpoints = checkpoints
        self._best: str | None = None
        self._row: dict[str, Any] = {}
        self._row_step: int | None = None
        _check_summary(self._summary)
        if not isinstance(checkpoints, bool):
            raise InvalidSetting(f"logger.wandb.checkpoints={checkpoints} must be true or false")
        stated, _ = choose_mode(mode, os.environ, lambda: False)
        if stated != "disabled":
            _check_folder(place)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The wandb run, opened at first use; a dummy on every rank but 0."""
        if self._experiment is None:
            self._experiment = self._open()
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | Tensor], step: int | None = None) -> None:
        """Adds to the row of the step, which is sent as a whole when the next step begins, a
        checkpoint is written or the run ends: a chart of accuracy against FLOPs finds only rows
        that have both."""
        _ = self.experiment  # whoever cannot open a run hears of it now
        if step != self._row_step:
            self._send_row()
        self._row_step = step
        self._row |= metrics

    def _send_row(self) -> None:
        row, self._row = self._row, {}
        if row:
            super().log_metrics(row, self._row_step)

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Puts the best score so far into the run's summary, as in `best/val/acc`: a plain number,
        as sweeps of W&B need it."""
        super().after_save_checkpoint(checkpoint_callback)
        self._send_row()
        best = checkpoint_callback.best_model_score
        if checkpoint_callback.monitor is not None and best is not None:
            self.experiment.summary[f"best/{checkpoint_callback.monitor}"] = float(best)
            self._best = checkpoint_callback.best_model_path

    @rank_zero_only
    def log_tables(self, evaluation: Evaluation) -> None:
        """Takes the tables of the test. Those of validations would cost much and say little more
        than the loads, which are logged as numbers."""
        if evaluation.split == "test":
            self._send_row()
            self.experiment.log(media_of(evaluation.tables) | {STEP: evaluation.step})

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Keeps the best checkpoint, once: Lightning calls this after the training and after the
        test."""
        self._send_row()
        super().finalize(status)
        if status == "success" and self._checkpoints and self._best is not None:
            run = self.experiment
            run.log_artifact(self._best, name=f"best-{run.id}", type="model", aliases=["best"])
            self._best = None

    def _open(self) -> Any:
        with lasting():
            import wandb
            from wandb.errors import CommError, UsageError

        mode, reason = choose_mode(self._mode, os.environ, _has_credentials)
        try:
            run = self._start(mode)
        except CommError as error:
            mode, reason = "offline", f"{_first_line(error)}; WANDB_MODE=offline skips this wait"
            run = self._start(mode)
        except UsageError as error:
            raise InvalidSetting(f"logger.wandb.mode={mode}: {_first_line(error)}") from error
        if mode == "offline" and isinstance(run, wandb.Run):
            folder = Path(run.dir).parent
            print(f"wandb: offline ({reason}). To upload: wandb sync {folder}", file=sys.stderr)
        for metric, kept in self._summary.items():
            run.define_metric(metric, step_metric=STEP, summary=kept)
        return run

    def _start(self, mode: str) -> Any:
        # Offline, wandb says in several lines what the one line above says.
        settings = {**self._timeouts, "silent": mode == "offline"}
        folder = None if mode == "disabled" else self._save_dir
        self._wandb_init.update(mode=mode, settings=settings, dir=folder)
        if agent_run(os.environ):  # has said all that already
            self._wandb_init.update(project=None, entity=None, id=None)
        return super().experiment


def _has_credentials() -> bool:
    import wandb

    return wandb.login(prompt=False, verify=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _check_summary(summary: Mapping[str, str]) -> None:
    for metric, kept in summary.items():
        if "*" in metric:
            # Lightning defines "*" itself; which of two matching patterns wins is random.
            raise InvalidSetting(f"logger.wandb.summary: {metric} must be an exact metric name")
        if not set(kept.split(",")) <= SUMMARIES:
            known = ", ".join(sorted(SUMMARIES))
            raise InvalidSetting(f"logger.wandb.summary: {metric}={kept} is not a list of {known}")


@rank_zero_only
def _check_folder(folder: Path) -> None:
    # wandb would warn and then write to the system's temporary folder.
    require_writable(folder / "wandb", "logger.wandb.folder")
