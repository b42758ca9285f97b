"""The width at which training steps take as long as those of a dense net, measured here."""

import statistics
from collections.abc import Mapping
from typing import Any, final

import torch

from triptych.cost import Step, side_by_side
from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.run.build import build_module
from triptych.run.candidates import Candidates, dense
from triptych.run.equal_time import ROUNDS, around, training_step
from triptych.run.match import Found, Match
from triptych.run.train import prepare_cpu


@final
class TimeMatch(Match):
    """By the clock of this machine: of one step, as `equal_time` measures it."""

    def find(self, nets: Candidates) -> Found:
        """The widest net whose steps take no longer, to two percent; the narrowest, if none is.

        Raises:
            IncompatibleSettings: for a training that is not of one process on the CPU.
        """
        config, widths = nets.config, nets.widths()
        _check_machine(config["trainer"])
        with torch.random.fork_rng(devices=[]):
            prepare_cpu(build_module(config, nets.data), nets.data, processes=1)
            budget = training_step(dense(config, self.d_hidden), nets.data)

            def step(d_hidden: int) -> Step:
                try:
                    return training_step(nets.at(d_hidden), nets.data)
                except InvalidSetting:
                    if d_hidden > nets.typical:
                        raise
                    return _nothing  # too narrow for a net

            found = around(step, budget, widths, widths.index(nets.typical))
            width = next(w for w in found if w is not None and nets.possible(w))
            times = side_by_side({"dense": budget, "ours": step(width)}, ROUNDS)
        dense_ms, ours_ms = (1000 * statistics.median(times[name]) for name in ("dense", "ours"))
        return Found("time", "ms a step", width, self.d_hidden, dense_ms, ours_ms)


def _nothing() -> None:
    """Takes no time."""


def _check_machine(trainer: Mapping[str, Any]) -> None:
    devices, accelerator = trainer["devices"], trainer["accelerator"]
    on_gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
    if devices != 1 or trainer["num_nodes"] != 1 or on_gpu:
        raise IncompatibleSettings(
            f"trainer.devices={devices} trainer.accelerator={accelerator}: match=time measures one"
            " process on the CPU; take trainer=cpu trainer.devices=1, or match=active"
        )
