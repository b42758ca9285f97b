"""A report as a terminal shows it: table, answer, where the page is."""

import os

from rich.console import Console

from triptych.report.build import Report
from triptych.report.table import terminal_table

WIDTH_IN_FILES = 160


def print_report(report: Report) -> None:
    """Prints to the standard output; wide enough for the table where there is no terminal."""
    console = Console(width=None if os.isatty(1) else WIDTH_IN_FILES)
    if len(report.summary):
        console.print(terminal_table(report.summary))
    for sentence in (*report.headline.sentences, *report.headline.remarks):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)
    console.print(f"Report: {report.page}", markup=False, highlight=False, soft_wrap=True)
