"""A figure of a source beside its true counterpart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from triptych.report.chart import Chart


@final
@dataclass(frozen=True)
class Exhibit:
    """One figure of a source.

    Attributes:
        address: on the page, and the beginning of the names of the PNG files.
        place: where it stands in its source, as in `Slide 3`.
        title: of the figure in the source.
        flaw: what is wrong with it, in one sentence.
        found: what the counterpart shows, in words; or why there is none yet.
        command: what makes the counterpart.
        charts: the counterpart; none where nothing has been measured.
    """

    address: str
    place: str
    title: str
    flaw: str
    found: Sequence[str]
    command: str
    charts: Sequence[Chart]
