"""From the folders of studies to their pages, one page over all of them, and the small table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from triptych.errors import InvalidSetting
from triptych.report.advice import (
    Budget,
    Measured,
    evidence,
    measured_rows,
    read_table,
    write_table,
)
from triptych.report.overview.page import overview_page
from triptych.report.overview.words import overall
from triptych.report.study import StudyReport, build_study_report
from triptych.result import write_whole


@final
@dataclass(frozen=True, eq=False)
class Overview:
    """All studies on disk.

    Attributes:
        answer: over all of them, sentence by sentence.
        studies: by name.
        table: the file that advice reads.
    """

    answer: Sequence[str]
    studies: Mapping[str, StudyReport]
    rows: Sequence[Measured]
    page: Path
    table: Path


def build_overview(folders: Sequence[Path], out: Path, table: Path | None = None) -> Overview:
    """Writes the page of each study into a folder of its name below `out`, and there the page over
    all of them.

    Args:
        folders: of studies; their names are those of the studies.
        table: where what was measured is written, beside what it has of other studies; a new
            `measured.csv` in `out` by default.

    Raises:
        InvalidSetting: if one is no study, two have the same name, or `table` is no such table.
    """
    names = [folder.resolve().name for folder in folders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidSetting(
            f"{', '.join(twice)}: two folders have that name; give each study once"
        )
    reports = {
        name: build_study_report(folder, out / name)
        for name, folder in zip(names, folders, strict=True)
    }
    rows = [row for name, one in reports.items() for row in measured_rows(name, one.outcomes)]
    others = [row for row in _before(table) if row.study not in reports]
    written = write_table([*others, *rows], table or out / "measured.csv")
    answer = overall(evidence(rows, Budget()), reports)
    page = write_whole(out / "index.html", overview_page(answer, reports, rows))
    return Overview(answer, reports, rows, page, written)


def _before(table: Path | None) -> list[Measured]:
    return read_table(table) if table is not None and table.is_file() else []
