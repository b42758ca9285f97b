"""A study: arms that are compared in cells, each with a learning rate of its own. What it is, what
it runs, and its record `study.json`. Nothing here imports torch.

A cell is a task (overrides of its data), an arm a net (overrides of its model). For every pair of
them learning rates are tried on seeds of their own, the same number for every arm; the one with the
best validation is then trained on the seeds of the study, and only those runs are compared.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, final

from triptych.errors import InvalidSetting, nearest
from triptych.result import write_whole

FILE = "study.json"
RATE = "model.lr"

Pair = tuple[str, str]
"""A cell and an arm."""


@final
@dataclass(frozen=True)
class Block:
    """All of the named arms in all of the named cells."""

    cells: tuple[str, ...]
    arms: tuple[str, ...]


@final
@dataclass(frozen=True)
class Study:
    """What is compared, as its configuration says.

    Attributes:
        question: that it answers, one sentence.
        cells: overrides of each cell, by its name.
        arms: overrides of each arm, by its name; `{ARM}` in them is the checkpoint of another arm's
            run, see `triptych.sweep.origins`.
        blocks: which arms run in which cells.
        baselines: the arms that the others are held against; those of the list against the ones
            before them.
        rates: learning rates to try first, in rising order.
        most_rates: as many are tried at most, where the best one lies at an end.
        tuning_seeds: on which they are tried.
        seeds: on which the arms are compared; none of them is in `tuning_seeds`.
        claims: what is expected, see `triptych.report.claims`.

    Raises:
        InvalidSetting: if names are unknown, or there is nothing to compare.
    """

    question: str
    cells: dict[str, list[str]]
    arms: dict[str, list[str]]
    blocks: list[Block]
    baselines: list[str]
    rates: list[float]
    most_rates: int
    tuning_seeds: list[int]
    seeds: list[int]
    claims: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        known = {"cells": self.cells, "arms": self.arms}
        for kind, names in known.items():
            for name in (n for block in self.blocks for n in getattr(block, kind)):
                if name not in names:
                    raise InvalidSetting(
                        f"study.blocks: no {kind[:-1]} '{name}'{nearest(name, names)}"
                    )
        for name in self.baselines:
            if name not in self.arms:
                raise InvalidSetting(f"study.baselines: no arm '{name}'{nearest(name, self.arms)}")
        if not self.seeds:
            raise InvalidSetting("study.seeds is empty: give at least two, to tell arms apart")
        if both := set(self.seeds) & set(self.tuning_seeds):
            raise InvalidSetting(
                f"study.tuning_seeds and study.seeds share {sorted(both)}: what is compared must"
                " not have been chosen on the same data"
            )
        if not self.rates or sorted(set(self.rates)) != list(self.rates):
            raise InvalidSetting(f"study.rates={self.rates} must rise")
        if len(self.rates) > 1 and not self.tuning_seeds:
            raise InvalidSetting("study.tuning_seeds is empty, but there are several study.rates")

    @property
    def pairs(self) -> list[Pair]:
        """Every arm of every cell once."""
        every = ((c, a) for block in self.blocks for c in block.cells for a in block.arms)
        return list(dict.fromkeys(every))


def from_config(node: Mapping[str, Any]) -> Study:
    """A study from its plain configuration; a block without cells or arms has all of them.

    Raises:
        InvalidSetting: for what is missing, unknown, or contradicts itself.
    """
    cells, arms = dict(node.get("cells") or {}), dict(node.get("arms") or {})
    blocks = [
        Block(tuple(block.get("cells") or cells), tuple(block.get("arms") or arms))
        for block in node.get("blocks") or [{}]
    ]
    try:
        return Study(**{**node, "cells": cells, "arms": arms, "blocks": blocks})
    except TypeError as error:
        raise InvalidSetting(f"study: {str(error).partition('() ')[2] or error}") from error


@final
@dataclass(frozen=True)
class Trial:
    """One run of a study.

    Attributes:
        job: its number, and the name of its folder in the sweep.
        stage: whether it helps to choose a learning rate, or is compared.
    """

    job: int
    stage: Literal["tuning", "comparison"]
    cell: str
    arm: str
    rate: float
    seed: int

    def overrides(self, study: Study) -> list[str]:
        """What is typed for it, but for the checkpoints of other arms that it names."""
        own = [*study.cells[self.cell], *study.arms[self.arm]]
        return [*own, f"{RATE}={self.rate:g}", f"seed={self.seed}"]


def trials(
    study: Study,
    stage: Literal["tuning", "comparison"],
    rates: Mapping[Pair, Iterable[float]],
    first: int,
) -> list[Trial]:
    """The runs of these rates, on all seeds of a stage, numbered from `first`.

    Seeds are the outermost loop, so that a study that is cut short has whole comparisons.
    """
    seeds = study.tuning_seeds if stage == "tuning" else study.seeds
    every = [(seed, pair, rate) for seed in seeds for pair in rates for rate in rates[pair]]
    return [
        Trial(first + number, stage, *pair, rate, seed)
        for number, (seed, pair, rate) in enumerate(every)
    ]


def best_rate(scores: Mapping[float, Sequence[float]]) -> float:
    """The rate with the best mean validation score, the lowest of equals; scores of rates that
    failed are empty."""
    means = {rate: fmean(found) for rate, found in scores.items() if found}
    return max(sorted(means), key=lambda rate: means[rate]) if means else min(scores)


def more_rates(scores: Mapping[float, Sequence[float]], most: int) -> list[float]:
    """The rate to try next where the best one lies at an end; none once `most` were tried.

    >>> more_rates({0.001: [0.8], 0.003: [0.9]}, most=3)
    [0.009]
    >>> more_rates({0.001: [0.8], 0.003: [0.9], 0.009: [0.7]}, most=4)
    []
    """
    tried, best = sorted(scores), best_rate(scores)
    if len(tried) < 2 or len(tried) >= most:
        return []
    if best == tried[-1]:
        return [float(f"{best * best / tried[-2]:.2g}")]
    if best == tried[0]:
        return [float(f"{best * best / tried[1]:.2g}")]
    return []


@final
@dataclass(frozen=True)
class Record:
    """What a study has started, in its folder.

    Attributes:
        chosen: the learning rate of each cell and arm, once it is known: (cell, arm, rate).
    """

    study: Study
    trials: list[Trial]
    chosen: list[tuple[str, str, float]]

    def write(self, folder: Path) -> Path:
        """As a whole file."""
        return write_whole(folder / FILE, json.dumps(asdict(self), indent=1) + "\n")


def read(folder: Path) -> Record | None:
    """The record in a folder; None if it holds no study.

    Raises:
        InvalidSetting: if it is none.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        chosen = [(cell, arm, rate) for cell, arm, rate in content["chosen"]]
        runs = [Trial(**trial) for trial in content["trials"]]
        return Record(from_config(content["study"]), runs, chosen)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidSetting(f"{file} is no record of a study: {error}") from error
