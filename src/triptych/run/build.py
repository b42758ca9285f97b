"""Configuration in, objects out: the one place that calls `instantiate`."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger
from lightning.pytorch.strategies import DDPStrategy

from triptych.data import ClassificationData
from triptych.errors import InvalidSetting, one_line
from triptych.models import Classifier
from triptych.run.recipes import call_plainly
from triptych.seeds import derive
from triptych.sweep import LAST
from triptych.tracking import config_for_loggers
from triptych.training import (
    BestCheckpoint,
    ClassifierModule,
    Compile,
    DataParallelStrategy,
    EarlyEnd,
    ExpertParallelStrategy,
    FullyShardedStrategy,
    Meter,
    PartialEpochs,
    Progress,
    RunInCheckpoint,
    Tables,
    Termination,
    check_fully_sharded,
    leave_out_idle_hooks,
    step_plainly,
)

REHEARSAL = 4  # rows


@final
@dataclass(frozen=True)
class Job:
    """All objects of one run, ready to fit."""

    trainer: Trainer
    module: ClassifierModule
    data: ClassificationData
    meter: Meter
    checkpoint: BestCheckpoint
    early_ends: tuple[EarlyEnd, ...]


def build_job(config: Mapping[str, Any], folder: str, title: str, share: float = 1.0) -> Job:
    """A whole run from its configuration; its loggers are not open yet.

    Args:
        config: plain and resolved.
        folder: where Lightning writes what has no other place.
        title: what the progress line calls the run.
        share: of the time that passes while it trains, which it is charged with.

    Raises:
        InvalidSetting: if something cannot be built, or nothing keeps the best checkpoint.
    """
    data = build_data(config)
    settings = config["trainer"]
    if isinstance(settings["devices"], int) and settings["devices"] > 1:
        data.check_batch(settings["devices"] * settings.get("num_nodes", 1))
    module = build_module(config, data)
    module.begin(lambda: data.example()[:2])
    meter = Meter(share)
    named = build_named(config["callbacks"], "callbacks")
    kept = [callback for callback in named.values() if isinstance(callback, BestCheckpoint)]
    if len(kept) != 1:
        raise InvalidSetting(
            f"callbacks: {len(kept)} of them keep the best checkpoint; exactly one must"
        )
    loggers = list(build_named(config["logger"], "logger").values())
    last = Termination(Path(folder, LAST))  # after all that does something at the end of a step
    ours = [meter, RunInCheckpoint(dict(config)), PartialEpochs(), Tables(), Progress(title), last]
    callbacks = [*named.values(), *ours]
    trainer = build_trainer(config, callbacks, loggers, folder)
    if isinstance(trainer.strategy, ExpertParallelStrategy):
        trainer.strategy.check(module)
    if isinstance(trainer.strategy, FullyShardedStrategy):
        check_fully_sharded(module, callbacks, trainer.precision_plugin)
    leave_out_idle_hooks(trainer.callbacks, module)  # pyright: ignore[reportAttributeAccessIssue]
    step_plainly(trainer)
    early_ends = tuple(c for c in named.values() if isinstance(c, EarlyEnd))
    return Job(trainer, module, data, meter, kept[0], early_ends)


def open_loggers(loggers: Iterable[Logger], config: Mapping[str, Any]) -> None:
    """Tells loggers the settings, with which their runs begin.

    Raises:
        InvalidSetting: if one cannot begin; those before it are open then.
    """
    for logger in loggers:
        logger.log_hyperparams(config_for_loggers(config))


def construct(node: Mapping[str, Any], name: str) -> Any:
    """Builds what a node's `_target_` names.

    Args:
        name: the key of the node, for messages.

    Raises:
        InvalidSetting: as the constructor raised it, without Hydra's wrapping; or in its words.
    """
    with naming(name):
        return instantiate(dict(node), _convert_="all")


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Around what is built from the node `name`: a value that it refuses is a setting's fault.

    Raises:
        InvalidSetting: for an error by which constructors refuse a value.
    """
    try:
        yield
    except InvalidSetting:
        raise
    except InstantiationException as error:
        cause: BaseException = error
        while not isinstance(cause, InvalidSetting) and cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, InvalidSetting):
            raise cause from None
        raise InvalidSetting(f"{name}: {one_line(cause)}") from error
    except (MisconfigurationException, ImportError, ValueError, TypeError) as error:
        raise InvalidSetting(f"{name}: {one_line(error)}") from error


def build_data(config: Mapping[str, Any]) -> ClassificationData:
    """The data module; nothing is generated yet."""
    return construct(config["data"], "data")


def build_module(config: Mapping[str, Any], data: ClassificationData) -> ClassifierModule:
    """The LightningModule for this data, initialised from the seed alone."""
    model, seed = config["model"], config["seed"]
    network = build_network(config, data)
    optimizer = construct(config["optimizer"], "optimizer")
    scheduler = construct(config["scheduler"], "scheduler")
    # Tried out here, because inside the trainer a refused value looks like a fault of the program.
    with naming("optimizer"):
        trial = optimizer(network.parameters())
    with naming("scheduler"):
        scheduler(trial)
    module: ClassifierModule = construct(model["module"], "model.module")(
        network=network,
        optimizer=optimizer,
        scheduler=scheduler,
        classes=data.classes,
        families=data.families,
        seed=seed,
    )
    call_plainly(module)
    rehearse(module, data.in_dim)
    return module


def build_network(config: Mapping[str, Any], data: ClassificationData) -> Classifier:
    """The classifier alone, initialised from the seed alone."""
    model = config["model"]
    torch.manual_seed(derive(config["seed"], "init"))
    panel = construct(model["panel"], "model.panel")
    backbone = construct(model["backbone"]["build"], "model.backbone.build")
    network: Classifier = backbone(panel, data.in_dim, len(data.classes))
    call_plainly(network)
    return network


def rehearse(module: ClassifierModule, d_in: int) -> None:
    """One step with a few random rows that leaves no trace, before anything costs time.

    Raises:
        InvalidSetting: if parts of the model cannot work together.
    """
    with naming("model"), torch.no_grad(), torch.random.fork_rng(devices=[]):
        module.rehearse(torch.randn(REHEARSAL, d_in))


def build_trainer(
    config: Mapping[str, Any], callbacks: list[Callback], loggers: list[Logger], folder: str
) -> Trainer:
    """The trainer; nothing is logged where there are no loggers."""
    settings = dict(config["trainer"])
    # Typed beside what Lightning's trainer takes, but that has no such argument.
    backend = settings.pop("compile")
    compiling = [] if backend is False else [Compile("inductor" if backend is True else backend)]
    trainer = construct(settings, "trainer")
    around = {"logger": loggers or False, "default_root_dir": folder}
    with naming("trainer"):
        built: Trainer = trainer(callbacks=[*callbacks, *compiling], **around)
        # Only Lightning knows how many devices -1 or auto are. Where it took DDP by itself, ours.
        if settings.get("strategy", "auto") == "auto" and type(built.strategy) is DDPStrategy:
            around["strategy"] = DataParallelStrategy()
            built = trainer(callbacks=[*callbacks, *compiling], **around)
    for callback in compiling:
        callback.check(built.strategy)
    return built


def build_named(group: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The entries of a group of named nodes, such as callbacks or loggers; null leaves one out."""
    return {
        key: construct(node, f"{name}.{key}") for key, node in group.items() if node is not None
    }
