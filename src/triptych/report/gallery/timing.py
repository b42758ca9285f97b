"""How long a forward pass takes, measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from triptych.report.chart import Axis, Chart, Line, Pane
from triptych.report.palette import PANEL_COLOURS, Style, lighten

STYLES: Mapping[str, Style] = {
    "ffn": Style(PANEL_COLOURS["ffn"]),
    "sparse, masked": Style(lighten(PANEL_COLOURS["sparse"], 0.3), "dash", "square"),
    "sparse, csr": Style(PANEL_COLOURS["sparse"], "solid", "square"),
    "moe": Style(PANEL_COLOURS["moe"], "solid", "diamond"),
}


@final
@dataclass(frozen=True)
class Timing:
    """Forward passes of one block.

    Attributes:
        subject: of `STYLES`.
        width: D.
        seconds: of each pass.
    """

    subject: str
    width: int
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """Seconds."""
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Seconds, lower and upper."""
        low, high = np.quantile(self.seconds, (0.25, 0.75))
        return float(low), float(high)


def time_against_width(timings: Sequence[Timing], what: str) -> Chart:
    """A line of medians for each subject in the band of its quartiles.

    Args:
        timings: ascending widths.
        what: was timed, and how, for the caption.
    """
    lines = []
    for subject in dict.fromkeys(timing.subject for timing in timings):
        mine = [timing for timing in timings if timing.subject == subject]
        low, high = zip(*(timing.quartiles for timing in mine), strict=True)
        line = Line(
            subject,
            STYLES[subject],
            [timing.width for timing in mine],
            [1000 * timing.median for timing in mine],
            [1000 * value for value in low],
            [1000 * value for value in high],
        )
        lines.append(line)
    caption = f"{what}. Line = median, band = from the lower to the upper quartile."
    pane = Pane("", Axis("width d", "log"), Axis("time of a pass [ms]", "log"), lines)
    return Chart("time", "Time of inference", caption, (pane,))


def over_dense(timings: Sequence[Timing]) -> str:
    """The median times of the widest blocks over that of the dense one, in words."""
    widest = max(timing.width for timing in timings)
    medians = {t.subject: t.median for t in timings if t.width == widest}
    dense = medians.pop("ffn")
    told = "; ".join(f"{subject} {seconds / dense:.2f}" for subject, seconds in medians.items())
    return f"Time over that of the dense block at width {widest:,}: {told}."
