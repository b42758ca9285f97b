"""From the trainings of the gallery to its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

from triptych.report import Run, Runs, load_runs
from triptych.report.gallery import Material, Measured, build_gallery
from triptych.run.dispatch import dispatch
from triptych.run.facts import processor
from triptych.run.gallery.blocks import ROWS, WHAT, counts, slide_counts, timings
from triptych.run.gallery.trained import alone, module_parts, region, truth
from triptych.run.train import quieten

SLIDE_SIZES = (100, 1_000, 10_000, 100_000)
TRAININGS = ("boundaries", "families", "notebook")


@final
@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        counted: widths of blocks that are counted.
        timed: widths of those that are timed too.
        passes: of each that is timed.
        grid: places along each side of a decision boundary.
    """

    counted: Sequence[int]
    timed: Sequence[int]
    passes: int
    grid: int


FULL = Sizes(tuple(2**k for k in range(6, 18)), (64, 128, 256, 512, 1024), 40, 121)
QUICK = Sizes((64, 128, 1024), (64, 128), 5, 21)


def gallery(folder: Path, out: Path, samples: Path, sizes: Sizes) -> Path:
    """Measures what is to be measured, and writes the page.

    Args:
        folder: that holds the sweeps `boundaries`, `families` and `notebook`.
        out: for the page and its figures.
        samples: `arms.csv` of the study `samples`; need not exist.
        sizes: of the measurements.

    Returns:
        The page.

    Raises:
        InvalidSetting: if a training is missing, or its checkpoint.
    """
    quieten()
    boundaries, families, notebook = (load_runs([folder / name]) for name in TRAININGS)
    measured = _measured(boundaries, families, sizes)
    return build_gallery(Material(boundaries, families, notebook, measured, samples), out)


def _measured(boundaries: Runs, families: Runs, sizes: Sizes) -> Measured:
    torch.set_num_threads(1)
    firsts = {run.result.panel: run for run in reversed(families.finished)}
    print("counting parameters", flush=True)
    counted, of_slides = counts(sizes.counted), slide_counts(SLIDE_SIZES)
    print(f"timing blocks of width {', '.join(map(str, sizes.timed))}", flush=True)
    timed = timings(sizes.timed, sizes.passes)
    print("asking trained nets", flush=True)
    return Measured(
        nets={panel: module_parts(firsts[panel]) for panel in _in_order(firsts)},
        blocks=WHAT,
        counts=counted,
        slide_counts=of_slides,
        timings=timed,
        timing=f"A forward pass of {ROWS} samples without gradients, one thread of {processor()},"
        f" {sizes.passes} rounds in random order; masked multiplies the whole matrix"
        f" under its mask, csr the weights that exist; {dispatch()}.",
        regions=[
            *(truth(run, sizes.grid) for run in boundaries.finished[:1]),
            *(region(run, sizes.grid) for run in boundaries.finished),
        ],
        alone=[alone(run) for run in families.panel("moe").finished],
    )


def _in_order(firsts: dict[str, Run]) -> list[str]:
    return [panel for panel in ("ffn", "sparse", "moe") if panel in firsts]
