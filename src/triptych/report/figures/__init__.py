from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from triptych.report.chart import Chart
from triptych.report.comparison import Comparison
from triptych.report.figures.balance import balance
from triptych.report.figures.calibration import calibration
from triptych.report.figures.confusion import confusion
from triptych.report.figures.curves import curves
from triptych.report.figures.differences import differences
from triptych.report.figures.efficiency import efficiency
from triptych.report.figures.flops import flops
from triptych.report.figures.parameters import parameters
from triptych.report.figures.routing import confidence, load, specialisation
from triptych.report.figures.sparsity import sparsity
from triptych.report.palette import Style, styles
from triptych.report.runs import Runs

# With more settings than this, lines and bars can no longer be told apart.
MOST_SETTINGS = 8

_FIGURES: Sequence[Callable[[Runs, Mapping[str, Style]], Chart | None]] = (
    flops,
    curves,
    efficiency,
    parameters,
    load,
    specialisation,
    confidence,
    balance,
    sparsity,
    confusion,
    calibration,
)


def charts(runs: Runs, comparisons: Sequence[Comparison]) -> list[Chart]:
    """All figures that the runs have data for, in the order of the page."""
    shown = runs.only(runs.ranked()[:MOST_SETTINGS])
    looks = styles(runs) | styles(shown)
    evidence = differences(comparisons, looks)
    drawn = [chart for figure in _FIGURES if (chart := figure(shown, looks)) is not None]
    if len(runs.settings) > MOST_SETTINGS:
        rest = f" Shown are the {MOST_SETTINGS} best of {len(runs.settings)} settings."
        drawn = [replace(chart, caption=chart.caption + rest) for chart in drawn]
    return [evidence, *drawn] if evidence is not None else drawn


__all__ = ["MOST_SETTINGS", "charts"]
