"""The real configuration, as train.py gets it, without starting a run."""

from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from triptych.config import register

CONF = Path(__file__).parents[1] / "conf"


def unresolved(*overrides: str) -> DictConfig:
    """The configuration of a run with its references, as train.py gets it; without callbacks and
    loggers, which refer to the folder of a run."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", list(overrides))
    config.callbacks, config.logger = {}, {}
    return config


def sweeper(*overrides: str) -> dict[str, Any]:
    """Hydra's settings of what makes jobs."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", list(overrides), return_hydra_config=True)
    plain: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    return plain


def composed(*overrides: str, primary: str = "train") -> dict[str, Any]:
    """Everything resolved; of Hydra's own settings only the callbacks, under `hydra`."""
    register()
    place = ["hydra.runtime.output_dir=run", "hydra.mode=RUN"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(primary, [*place, *overrides], return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    try:
        callbacks = OmegaConf.to_container(config.hydra.callbacks, resolve=True)
        OmegaConf.set_struct(config, False)
        del config["hydra"]
        plain: Any = OmegaConf.to_container(config, resolve=True)
    finally:
        HydraConfig.instance().cfg = None
    return {**plain, "hydra": {"callbacks": callbacks}}
