"""One run: data, module, trainer -> fit, test the best checkpoint -> result."""

import logging
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from triptych import evaluations
from triptych.data import ClassificationData
from triptych.errors import FolderVanished, InvalidSetting, nearest
from triptych.launch import ready
from triptych.result import Result
from triptych.run.build import Job, build_job, open_loggers
from triptych.run.candidates import Candidates
from triptych.run.checkpoint import (
    FOUND,
    METRICS,
    carry_logs,
    is_own_checkpoint,
    resumable,
    saved_metrics,
)
from triptych.run.checks import check, check_known
from triptych.run.facts import device_facts, peak_memory_mib, reset_peak_memory
from triptych.run.match import as_found, at_width, solved
from triptych.run.recorder import identified, identity, new_result, recorded
from triptych.run.summary import show_summary
from triptych.run.threads import SMALL_BATCHED_STEP, SMALL_STEP, threads_for
from triptych.sweep import earlier, title
from triptych.training import ClassifierModule
from triptych.world import is_first_rank, world

Score = float | tuple[float, ...]


def train(cfg: DictConfig) -> Score | None:
    """Trains, validates and tests as configured; writes the run folder.

    Returns:
        The best monitored score (val/acc by default), or what `sweep.objectives` names; None for a
        run that a sweep skips.
    """
    unresolved = None
    try:
        config: Any = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        unresolved = InvalidSetting(f"{error.full_key}: {str(error).splitlines()[0]}")
        config = OmegaConf.to_container(cfg, resolve=False)
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    result = new_result(config, list(hydra.overrides.task))
    in_sweep = hydra.mode == RunMode.MULTIRUN
    place = world()
    again = in_sweep or (place is not None and place.restarts > 0)
    before = earlier(folder, result.config_hash) if again else None
    if before is not None and before.is_done:
        print(f"done before: {outcome(before.result, folder)}")
        return score(before.result, config["sweep"]["objectives"])
    if again:
        result.resumed_from = resumable(before, lambda path: as_found(cfg, path))
        config["ckpt_path"] = result.resumed_from or config["ckpt_path"]
        if config["ckpt_path"] is None and is_first_rank():
            for file in (METRICS, evaluations.FILE):  # of steps that are to come again
                (folder / file).unlink(missing_ok=True)
    goes_on = before is not None or is_own_checkpoint(config["ckpt_path"], folder)
    result.id = identity(folder, goes_on)
    config["logger"] = result.config["logger"] = identified(config["logger"], result.id)
    loggers: list[Logger] = []
    with recorded(result, folder, loggers):
        if unresolved is not None:
            raise unresolved
        raw: Any = OmegaConf.to_container(cfg, resolve=False)
        check_known(result.overrides, raw)
        config = matched(cfg, config, result)
        if config["ckpt_path"] is not None and is_first_rank():
            carry_logs(config["ckpt_path"], folder)
        job = build_job(config, str(folder), title(result))
        loggers += job.trainer.loggers
        open_loggers(loggers, config)
        if is_first_rank():
            OmegaConf.save(OmegaConf.create(config), folder / "config.yaml")
        _fit_and_test(job, config["ckpt_path"], result)
    if result.status != "finished":
        return None
    if is_first_rank():
        print(outcome(result, folder))
        if not in_sweep:
            show_summary(result, folder)
    return score(result, config["sweep"]["objectives"])


def matched(cfg: DictConfig, config: dict[str, Any], result: Result) -> dict[str, Any]:
    """The settings, checked, at the width that a match finds or has found before."""
    apart = {key: config[key] for key in ("logger", "ckpt_path")}  # are not as they were typed
    config = as_found(cfg, config["ckpt_path"]) | apart
    check(config)
    quieten()
    if not config["match"]:
        return config
    if FOUND not in config["match"]:
        found = solved(Candidates(cfg), result.overrides)
        config = at_width(cfg, found.record()) | apart
        if is_first_rank():
            print(found.line())
    result.match = config["match"][FOUND]
    result.config |= {key: config[key] for key in config if key not in apart}
    return config


def outcome(result: Result, folder: Path) -> str:
    """A line about a run that has finished."""
    accuracy = f"test accuracy {result.metrics['test']['test/acc']:.4f}"
    early = f", ended early: {result.ended_early['reason']}" if result.ended_early else ""
    return f"{result.name}: {accuracy}{early}, in {folder}"


def score(result: Result, objectives: Sequence[str]) -> Score:
    """What a sweep is told of it: the best monitored score, or the `objectives`.

    Raises:
        InvalidSetting: for an objective that it does not have.
    """
    if not objectives:
        return next(iter(result.metrics["best"].values()))
    known = result.metrics["final"] | result.metrics["best"] | result.cost
    for name in objectives:
        if name not in known:
            raise InvalidSetting(
                f"sweep.objectives: this run has no '{name}'{nearest(name, known)}"
            )
    values = tuple(known[name] for name in objectives)
    return values[0] if len(values) == 1 else values


def quieten() -> None:
    """Lightning's chatter about devices and tips is not the user's news."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec.*is deprecated")
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    # Said wherever SLURM is installed; who uses it says so.
    warnings.filterwarnings("ignore", message="The `srun` command is available on your system")
    # It is that of this very run, which goes on or starts anew.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    # Backbones add to what a block returns, but not in place.
    warnings.filterwarnings("ignore", message=r"FSDP2-wrapped module .* returned a view tensor")
    # What torch.compile cannot look into runs as it is.
    warnings.filterwarnings("ignore", module=r"torch\._dynamo")
    # Everything is logged once per epoch, so the interval in steps means nothing here.
    warnings.filterwarnings("ignore", message=r".*smaller than the logging interval")


def prepare_cpu(
    module: ClassifierModule, data: ClassificationData, processes: int, replicas: int = 1
) -> None:
    """Settings of this process that make small nets fast."""
    # Nearly perfect nets reach denormal floats, which make CPU steps up to a third slower.
    torch.set_flush_denormal(True)
    flops_per_step = 3 * module.cost().flops_executed * data.batch_size * replicas / processes
    small = SMALL_STEP if replicas == 1 else SMALL_BATCHED_STEP
    torch.set_num_threads(threads_for(flops_per_step, processes, small=small))


def _fit_and_test(job: Job, ckpt_path: str | None, result: Result) -> None:
    trainer, module, data = job.trainer, job.module, job.data
    prepare_cpu(module, data, trainer.world_size)
    device = trainer.strategy.root_device
    reset_peak_memory(device)
    ready()
    begin = time.perf_counter()
    trainer.fit(module, datamodule=data, ckpt_path=ckpt_path)
    fitted = time.perf_counter()
    result.epochs, result.steps = trainer.current_epoch, trainer.global_step
    result.metrics["final"] = plain(trainer.callback_metrics) or saved_metrics(ckpt_path)
    best = str(job.checkpoint.best_model_path)
    if best and not Path(best).is_file():
        raise FolderVanished(best)
    result.metrics["best"] = plain({job.checkpoint.monitor: job.checkpoint.best_model_score})
    result.seconds["fit"] = fitted - begin
    test(job, best, result)


def test(job: Job, best: str, result: Result) -> None:
    """Tests the checkpoint `best` and notes what is known at the end of a run."""
    trainer, module, meter = job.trainer, job.module, job.meter
    ended = [{"rule": end.rule, "reason": end.reason} for end in job.early_ends if end.reason]
    result.ended_early = next(iter(ended), {})
    result.samples_per_s = meter.samples / meter.seconds if meter.seconds else 0.0
    begin = time.perf_counter()
    result.metrics["test"] = dict(trainer.test(module, job.data, ckpt_path=best, verbose=False)[0])
    result.checkpoint = best
    result.seconds["test"] = time.perf_counter() - begin
    result.cost = vars(module.cost()).copy()
    result.tables = module.tables()
    device = trainer.strategy.root_device
    result.device = device_facts(device, trainer.world_size)
    result.peak_memory_mib = peak_memory_mib(device)


def plain(metrics: Any) -> dict[str, float]:
    """Logged tensors as numbers."""
    return {key: float(value) for key, value in metrics.items()}
