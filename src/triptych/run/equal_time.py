"""The width at which a dense net's training steps take as long as another net's."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from omegaconf import DictConfig, OmegaConf
from torch.nn import functional as F

from triptych.data import ClassificationData
from triptych.errors import InvalidSetting
from triptych.run.build import build_data, build_module
from triptych.run.checks import check
from triptych.run.train import prepare_cpu, quieten
from triptych.training import ClassifierModule

NARROWEST, WIDEST = 2, 2**16
LOOKS, ROUNDS = 7, 40  # rounds of timing for a step of the search, and for the answer
ENOUGH = 0.01  # seconds that one timing lasts at least

Step = Callable[[], object]


@final
@dataclass(frozen=True)
class EqualTime:
    """The answer.

    Attributes:
        d_hidden: of the dense net.
        ratios: time of its step over that of the other net, once a round.
        milliseconds: of the other net's step, the median.
    """

    d_hidden: int
    ratios: list[float]
    milliseconds: float


def equal_time(cfg: DictConfig) -> EqualTime:
    """Searches the width by halving, on the data, the optimizer and the machine of the run that
    the settings describe.

    A step is forward, cross entropy, backward, clipping and the optimizer, of one batch, on one
    CPU process; changes of masks and losses of routers are no part of it.

    Raises:
        InvalidSetting: if even the narrowest net takes longer; as `train` for settings.
    """
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    check(config)
    quieten()
    data = build_data(config)
    prepare_cpu(build_module(config, data), data, processes=1)
    ours = training_step(config, data)
    narrow, wide = NARROWEST, NARROWEST
    while faster(training_step(dense(config, wide), data), ours):
        narrow, wide = wide, 2 * wide
        if wide > WIDEST:
            raise InvalidSetting(f"a dense net of {WIDEST} hidden units is still faster")
    if wide == NARROWEST:
        raise InvalidSetting(
            f"model={config['model']['name']}: a dense net of {NARROWEST} hidden units takes longer"
            " already; there is none of equal time"
        )
    while wide - narrow > max(1, narrow // 50):
        middle = (narrow + wide) // 2
        if faster(training_step(dense(config, middle), data), ours):
            narrow = middle
        else:
            wide = middle
    steps = {"ours": ours, "dense": training_step(dense(config, narrow), data)}
    times = taken(steps, ROUNDS)
    ratios = [theirs / own for theirs, own in zip(times["dense"], times["ours"], strict=True)]
    return EqualTime(narrow, ratios, 1000 * statistics.median(times["ours"]))


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


def training_step(config: Mapping[str, Any], data: ClassificationData) -> Step:
    """One step of the net of these settings, on random numbers in the shape of a batch."""
    module: ClassifierModule = build_module(config, data)
    generator = torch.Generator().manual_seed(0)
    rows = int(config["data"]["batch_size"])
    x = torch.randn(rows, data.in_dim, generator=generator)
    y = torch.randint(len(data.classes), (rows,), generator=generator)
    module.begin(lambda: (x, y))
    network = module.network.train()
    parameters = list(network.parameters())
    optimizer, largest = module.make_optimizer(parameters), config["model"]["clip"]

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(x)[0], y).backward()
        torch.nn.utils.clip_grad_norm_(parameters, largest)
        optimizer.step()

    return step


def faster(step: Step, other: Step) -> bool:
    """Whether it is, in the median of a few rounds."""
    times = taken({"step": step, "other": other}, LOOKS)
    return statistics.median(times["step"]) < statistics.median(times["other"])


def taken(steps: Mapping[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of each step in each round; they take turns in random order, so that what slows the
    machine down slows all."""
    repeats = {}
    for name, step in steps.items():
        once = min(_seconds(step, 1) for _ in range(3))
        repeats[name] = max(1, round(ENOUGH / once))
    times: dict[str, list[float]] = {name: [] for name in steps}
    order, dice = list(steps), random.Random(0)
    for _ in range(rounds):
        dice.shuffle(order)
        for name in order:
            times[name].append(_seconds(steps[name], repeats[name]))
    return times


def _seconds(step: Step, repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - begin) / repeats
