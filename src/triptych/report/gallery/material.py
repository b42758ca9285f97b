"""What the gallery is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from triptych.report.chart import Chart
from triptych.report.gallery.architecture import Part
from triptych.report.gallery.counts import Count
from triptych.report.gallery.regions import Region
from triptych.report.gallery.tasks import Alone
from triptych.report.gallery.timing import Timing
from triptych.report.runs import Runs
from triptych.report.table import short_number

COUNTED = "python scripts/gallery.py"


@final
@dataclass(frozen=True)
class Measured:
    """What is counted and measured anew, from the trained nets and without.

    Attributes:
        nets: the modules of the nets of `families`, by panel.
        blocks: what the counted and timed blocks are, in words.
        counts: of the blocks, by width.
        slide_counts: of the slides' dense net, at the slides' sizes.
        timings: of the blocks.
        timing: how they were timed, in words.
        regions: of the nets of `boundaries`.
        alone: of the mixtures of `families`.
    """

    nets: Mapping[str, Part]
    blocks: str
    counts: Sequence[Count]
    slide_counts: Sequence[Count]
    timings: Sequence[Timing]
    timing: str
    regions: Sequence[Region]
    alone: Sequence[Alone]


@final
@dataclass(frozen=True, eq=False)
class Material:
    """All that exhibits are made from.

    Attributes:
        boundaries: runs of `experiment=gallery/boundaries`.
        families: runs of `experiment=gallery/families`.
        notebook: runs of `experiment=gallery/notebook`.
        samples: `arms.csv` of the study `samples`, which need not exist.
    """

    boundaries: Runs
    families: Runs
    notebook: Runs
    measured: Measured
    samples: Path


def trained(name: str) -> str:
    """The command of a sweep of the gallery."""
    return f"python train.py experiment=gallery/{name} hydra.sweep.dir=logs/gallery/{name}"


def accuracies(runs: Runs) -> str:
    """Test accuracy of each setting, mean and standard deviation over seeds, in words."""
    told = []
    for setting in runs.settings:
        scores = 100 * np.array(list(runs.accuracy(setting).values()))
        spread = f" ± {scores.std(ddof=1):.2f}" if len(scores) > 1 else ""
        told.append(f"{setting} {scores.mean():.2f}{spread} %")
    seeds = len({run.result.seed for run in runs.finished})
    how = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    return f"Test accuracy ({how}): {', '.join(told)}."


def parameters(runs: Runs) -> str:
    """How many each setting has, and how many of them a sample meets, in words."""
    told = []
    for setting in runs.settings:
        cost = runs.of(setting)[0].result.cost
        total, active = cost["params_total"], cost["params_active"]
        met = f" ({short_number(active)} active)" if active < total else ""
        told.append(f"{setting} {short_number(total)}{met}")
    return f"Parameters: {', '.join(told)}."


def by_run(runs: Runs, ending: str) -> str:
    """A metric of the test split in each run that has it, whatever the layer, in words.

    Args:
        ending: of its key.
    """
    found = [
        value
        for run in runs.finished
        for key, value in run.result.metrics.get("test", {}).items()
        if key.endswith(ending)
    ]
    return ", ".join(f"{value:.3f}" for value in found)


def drawn(*charts: Chart | None) -> tuple[Chart, ...]:
    """Those that there is something to draw for."""
    return tuple(chart for chart in charts if chart is not None)
