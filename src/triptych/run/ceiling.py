"""What is known about the best possible accuracy on the data of a run."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from triptych.data import Ceiling
from triptych.run.build import build_data
from triptych.run.checks import check
from triptych.run.train import quieten


def ceiling(cfg: DictConfig) -> Ceiling | None:
    """The accuracy that no classifier can exceed on the data that the settings describe; None
    where nobody knows it.

    Raises:
        InvalidSetting: as `train` for settings.
    """
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    check(config)
    quieten()
    return build_data(config).ceiling()
