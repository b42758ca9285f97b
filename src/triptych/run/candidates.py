"""The nets of one configuration at other widths, and the dense net beside them."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import torch
from omegaconf import DictConfig, OmegaConf

from triptych.cost import Forecast
from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.models import Classifier
from triptych.run.build import build_data, build_module, build_network

WIDEST = 2**16  # hidden units
LARGEST_STEP = 256  # between two widths that a kernel or a mask can have
PARTS = ("panel", "module")  # of a model, that refer to its width
SHORTENING = ("max_steps", "max_time", "min_steps", "limit_train_batches", "overfit_batches")


@final
class Candidates:
    """What a search of the width tries. Nothing random outside is disturbed.

    Args:
        cfg: the configuration, with its references unresolved.

    Raises:
        InvalidSetting: if the model has no width, and as `build_module` for the settings.
    """

    def __init__(self, cfg: DictConfig) -> None:
        self._cfg = copy.deepcopy(cfg)
        config: Any = OmegaConf.to_container(cfg, resolve=True)
        if "d_hidden" not in config["model"]:
            raise InvalidSetting("match: this model has no model.d_hidden to search: match=none")
        self.config: dict[str, Any] = config
        self.data = build_data(config)
        with torch.random.fork_rng(devices=[]):
            self._forecast = build_module(config, self.data).forecast()

    @property
    def typical(self) -> int:
        """The width of the settings as they are, from which a search sets out."""
        return self.config["model"]["d_hidden"]

    def at(self, d_hidden: int) -> dict[str, Any]:
        """The configuration with panel and module of this width: what a net is made of."""
        self._cfg.model.d_hidden = d_hidden
        model = self._cfg.model
        nodes = {key: OmegaConf.to_container(model[key], resolve=True) for key in PARTS}
        return {**self.config, "model": {**self.config["model"], **nodes}}

    def forecast(self, d_hidden: int) -> Forecast:
        """Of the net of this width.

        Raises:
            InvalidSetting: if there is none.
        """
        return replace(self._forecast, net=self._network(self.at(d_hidden)))

    def dense(self, d_hidden: int) -> Forecast:
        """Of the dense net of this width.

        Raises:
            InvalidSetting: if there is none.
        """
        return Forecast(self._network(dense(self.config, d_hidden)))

    def widths(self) -> range:
        """Those that masks and kernels can have: in steps that are found by trying."""
        steps = (s for s in range(1, LARGEST_STEP) if self.possible(self.typical + s))
        step = next(steps, LARGEST_STEP)
        return range(self.typical % step or step, WIDEST + 1, step)

    def samples(self) -> Sequence[int]:
        """Of each optimizer step of the training, over all processes.

        Raises:
            IncompatibleSettings: if the training is not one of whole epochs.
        """
        trainer = self.config["trainer"]
        for key in SHORTENING:
            if trainer.get(key):
                raise IncompatibleSettings(
                    f"trainer.{key}={trainer[key]}: match=train_flops counts whole epochs; set"
                    " trainer.max_epochs alone, or take match=active"
                )
        devices = trainer["devices"]
        known = isinstance(devices, int) and devices > 0
        sizes = self.data.training_batches(devices * trainer["num_nodes"] if known else 1)
        together = trainer["accumulate_grad_batches"]
        epoch = [sum(sizes[i : i + together]) for i in range(0, len(sizes), together)]
        return epoch * trainer["max_epochs"]

    def possible(self, d_hidden: int) -> bool:
        """Whether there is a net of this width."""
        try:
            self._network(self.at(d_hidden))
        except InvalidSetting:
            return False
        return True

    def _network(self, config: Mapping[str, Any]) -> Classifier:
        with torch.random.fork_rng(devices=[]):
            return build_network(config, self.data)


def dense(config: Mapping[str, Any], d_hidden: int) -> dict[str, Any]:
    """The same settings with a dense panel of this width."""
    model = config["model"]
    panel = {
        "_target_": "triptych.models.DensePanel",
        "d_hidden": d_hidden,
        "dropout": model["dropout"],
    }
    module = {"_target_": "triptych.training.FFNModule", "_partial_": True}
    return {**config, "model": {**model, "panel": panel, "module": module}}
