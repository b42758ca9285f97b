"""One run: data, module, trainer -> fit, test the best checkpoint -> result."""

import logging
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from lightning import Trainer
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from triptych.data import ClassificationData
from triptych.launch import ready
from triptych.result import Result
from triptych.run.build import build_data, build_module, build_named, build_trainer
from triptych.run.checks import check
from triptych.run.facts import device_facts, peak_memory_mib, reset_peak_memory
from triptych.run.recorder import new_result, recorded
from triptych.run.threads import threads_for
from triptych.sweep import title
from triptych.tracking import config_for_loggers
from triptych.training import ClassifierModule, ConfigInCheckpoint, Meter, Progress


def train(cfg: DictConfig) -> float | None:
    """Trains, validates and tests as configured; writes the run folder.

    Returns:
        The best validation accuracy, or None for a run that a sweep skips.
    """
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    result = new_result(config, list(hydra.overrides.task))
    with recorded(result, folder):
        check(config)
        quieten()
        data = build_data(config)
        trainer_settings = config["trainer"]
        if isinstance(trainer_settings["devices"], int) and trainer_settings["devices"] > 1:
            data.check_batch(trainer_settings["devices"] * trainer_settings.get("num_nodes", 1))
        module = build_module(config, data)
        if rank_zero_only.rank == 0:
            OmegaConf.save(OmegaConf.create(config), folder / "config.yaml")
        meter = Meter()
        named = build_named(config["callbacks"])
        loggers = list(build_named(config["logger"]).values())
        callbacks = [*named.values(), meter, ConfigInCheckpoint(config), Progress(title(result))]
        trainer = build_trainer(config, callbacks, loggers, str(folder))
        for logger in loggers:
            logger.log_hyperparams(config_for_loggers(config))
        _fit_and_test(trainer, module, data, config["ckpt_path"], result)
        result.samples_per_s = meter.samples / meter.seconds if meter.seconds else 0.0
    if result.status != "finished":
        return None
    if rank_zero_only.rank == 0:
        print(f"{result.name}: test accuracy {result.metrics['test']['test/acc']:.4f}, in {folder}")
    return result.metrics["best"]["val/acc"]


def quieten() -> None:
    """Lightning's chatter about devices and tips is not the user's news."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec.*is deprecated")
    # Everything is logged once per epoch, so the interval in steps means nothing here.
    warnings.filterwarnings("ignore", message=r".*smaller than the logging interval")


def prepare_cpu(module: ClassifierModule, data: ClassificationData, processes: int) -> None:
    """Settings of this process that make small nets fast."""
    # Nearly perfect nets reach denormal floats, which make CPU steps up to a third slower.
    torch.set_flush_denormal(True)
    flops_per_step = 3 * module.cost().flops_executed * data.batch_size / processes
    torch.set_num_threads(threads_for(flops_per_step, processes))


def _fit_and_test(
    trainer: Trainer,
    module: ClassifierModule,
    data: ClassificationData,
    ckpt_path: str | None,
    result: Result,
) -> None:
    prepare_cpu(module, data, trainer.world_size)
    device = trainer.strategy.root_device
    reset_peak_memory(device)
    ready()
    begin = time.perf_counter()
    trainer.fit(module, datamodule=data, ckpt_path=ckpt_path)
    fitted = time.perf_counter()
    result.epochs, result.steps = trainer.current_epoch, trainer.global_step
    result.metrics["final"] = plain(trainer.callback_metrics)
    checkpoint = trainer.checkpoint_callback
    assert checkpoint is not None
    best = str(checkpoint.best_model_path)
    result.metrics["best"] = {checkpoint.monitor: float(checkpoint.best_model_score)}
    result.metrics["test"] = dict(trainer.test(module, data, ckpt_path=best, verbose=False)[0])
    result.checkpoint = best
    result.seconds |= {"fit": fitted - begin, "test": time.perf_counter() - fitted}
    result.cost = vars(module.cost()).copy()
    result.tables = module.tables()
    result.device = device_facts(device, trainer.world_size)
    result.peak_memory_mib = peak_memory_mib(device)


def plain(metrics: Any) -> dict[str, float]:
    """Logged tensors as numbers."""
    return {key: float(value) for key, value in metrics.items()}
