from triptych.report.build import Report, build_report
from triptych.report.console import print_report
from triptych.report.headline import Headline, headline
from triptych.report.records import read_records
from triptych.report.runs import Run, Runs, curves_frame, load_runs, runs_frame
from triptych.report.statistics import (
    equivalence,
    holm,
    paired_difference,
    paired_power,
    smallest_detectable,
)
from triptych.report.table import markdown_table, summarise, terminal_table

__all__ = [
    "Headline",
    "Report",
    "Run",
    "Runs",
    "build_report",
    "curves_frame",
    "equivalence",
    "headline",
    "holm",
    "load_runs",
    "markdown_table",
    "paired_difference",
    "paired_power",
    "print_report",
    "read_records",
    "runs_frame",
    "smallest_detectable",
    "summarise",
    "terminal_table",
]
