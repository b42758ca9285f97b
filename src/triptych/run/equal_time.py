"""The width at which a dense net's training steps take as long as another net's."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from omegaconf import DictConfig, OmegaConf
from torch.nn import functional as F

from triptych.cost import Step, crossing, side_by_side
from triptych.data import ClassificationData
from triptych.errors import InvalidSetting
from triptych.run.build import build_data, build_module
from triptych.run.candidates import WIDEST, dense
from triptych.run.checks import check
from triptych.run.train import prepare_cpu, quieten
from triptych.training import ClassifierModule

NARROWEST = 2
FINENESS = 0.02  # of a width
LOOKS, ROUNDS = 7, 40  # rounds of timing for a step of the search, and for the answer


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
    if config["match"]:
        raise InvalidSetting("match: the width is searched here already; set match=none")
    quieten()
    data = build_data(config)
    prepare_cpu(build_module(config, data), data, processes=1)
    ours = training_step(config, data)
    widths = range(NARROWEST, WIDEST + 1)
    narrow, wide = around(lambda w: training_step(dense(config, w), data), ours, widths, 0)
    if wide is None:
        raise InvalidSetting(f"a dense net of {WIDEST} hidden units is still faster")
    if narrow is None:
        raise InvalidSetting(
            f"model={config['model']['name']}: a dense net of {NARROWEST} hidden units takes longer"
            " already; there is none of equal time"
        )
    times = side_by_side(
        {"ours": ours, "dense": training_step(dense(config, narrow), data)}, ROUNDS
    )
    ratios = [theirs / own for theirs, own in zip(times["dense"], times["ours"], strict=True)]
    return EqualTime(narrow, ratios, 1000 * statistics.median(times["ours"]))


def around(
    step_of: Callable[[int], Step], other: Step, widths: Sequence[int], start: int
) -> tuple[int | None, int | None]:
    """The widest net whose step takes no longer than another step, to two percent, and one that
    does; see `crossing`."""
    return crossing(lambda width: faster(step_of(width), other), widths, start, FINENESS)


def training_step(config: Mapping[str, Any], data: ClassificationData) -> Step:
    """One step of the net of these settings, on random numbers in the shape of a batch."""
    module: ClassifierModule = build_module(config, data)
    generator = torch.Generator().manual_seed(0)
    rows = int(config["data"]["batch_size"])
    x = torch.randn(rows, data.in_dim, generator=generator)
    y = torch.randint(len(data.classes), (rows,), generator=generator)
    family = torch.zeros_like(y)
    module.begin(lambda: (x, y))
    network = module.network.train()
    parameters = list(network.parameters())
    optimizer, largest = module.make_optimizer(parameters), config["model"]["clip"]

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(x, family)[0], y).backward()
        torch.nn.utils.clip_grad_norm_(parameters, largest)
        optimizer.step()

    return step


def faster(step: Step, other: Step) -> bool:
    """Whether it is, in the median of a few rounds."""
    times = side_by_side({"step": step, "other": other}, LOOKS)
    return statistics.median(times["step"]) < statistics.median(times["other"])
