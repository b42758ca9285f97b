"""Configuration in, objects out: the one place that calls `instantiate`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning import Callback, Trainer
from lightning.pytorch.loggers import Logger

from triptych.data import ClassificationData
from triptych.errors import InvalidSetting
from triptych.seeds import derive
from triptych.tracking import config_for_loggers
from triptych.training import BestCheckpoint, ClassifierModule, ConfigInCheckpoint, Meter, Progress


@final
@dataclass(frozen=True)
class Job:
    """All objects of one run, ready to fit."""

    trainer: Trainer
    module: ClassifierModule
    data: ClassificationData
    meter: Meter
    checkpoint: BestCheckpoint


def build_job(config: Mapping[str, Any], folder: str, title: str) -> Job:
    """A whole run from its configuration; the loggers are open and know the settings.

    Args:
        config: plain and resolved.
        folder: where Lightning writes what has no other place.
        title: what the progress line calls the run.

    Raises:
        InvalidSetting: if something cannot be built, or nothing keeps the best checkpoint.
    """
    data = build_data(config)
    settings = config["trainer"]
    if isinstance(settings["devices"], int) and settings["devices"] > 1:
        data.check_batch(settings["devices"] * settings.get("num_nodes", 1))
    module = build_module(config, data)
    meter = Meter()
    named = build_named(config["callbacks"])
    kept = [callback for callback in named.values() if isinstance(callback, BestCheckpoint)]
    if len(kept) != 1:
        raise InvalidSetting(
            f"callbacks: {len(kept)} of them keep the best checkpoint; exactly one must"
        )
    loggers = list(build_named(config["logger"]).values())
    callbacks = [*named.values(), meter, ConfigInCheckpoint(dict(config)), Progress(title)]
    trainer = build_trainer(config, callbacks, loggers, folder)
    for logger in loggers:
        logger.log_hyperparams(config_for_loggers(config))
    return Job(trainer, module, data, meter, kept[0])


def construct(node: Mapping[str, Any]) -> Any:
    """Builds what a node's `_target_` names.

    Raises:
        InvalidSetting: as the constructor raised it, without Hydra's wrapping.
    """
    try:
        return instantiate(dict(node), _convert_="all")
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, InvalidSetting):
            cause = cause.__cause__
        if cause is None:
            raise
        raise cause from None


def build_data(config: Mapping[str, Any]) -> ClassificationData:
    """The data module; nothing is generated yet."""
    return construct(config["data"])


def build_module(config: Mapping[str, Any], data: ClassificationData) -> ClassifierModule:
    """The LightningModule for this data, initialised from the seed alone."""
    model, seed = config["model"], config["seed"]
    torch.manual_seed(derive(seed, "init"))
    panel = construct(model["panel"])
    network = construct(model["backbone"]["build"])(panel, data.in_dim, len(data.classes))
    return construct(model["module"])(
        network=network,
        optimizer=construct(config["optimizer"]),
        scheduler=construct(config["scheduler"]),
        classes=data.classes,
        families=data.families,
        seed=seed,
    )


def build_trainer(
    config: Mapping[str, Any], callbacks: list[Callback], loggers: list[Logger], folder: str
) -> Trainer:
    """The trainer; nothing is logged where there are no loggers."""
    return construct(config["trainer"])(
        callbacks=callbacks, logger=loggers or False, default_root_dir=folder
    )


def build_named(group: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a group of named nodes, such as callbacks or loggers; null leaves one out."""
    return {name: construct(node) for name, node in group.items() if node is not None}
