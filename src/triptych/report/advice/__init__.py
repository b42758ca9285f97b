"""Advice from measured evidence: a small table, a nearest-cell rule, and its held-out check."""

from triptych.report.advice.advice import Advice, advise
from triptych.report.advice.cells import Budget, Cell, evidence
from triptych.report.advice.heldout import HeldOut, held_out
from triptych.report.advice.measured import Measured, read_table, write_table
from triptych.report.advice.rows import measured_rows
from triptych.report.advice.task import Task
from triptych.report.advice.words import answer, check_line, evidence_lines, range_line

__all__ = [
    "Advice",
    "Budget",
    "Cell",
    "HeldOut",
    "Measured",
    "Task",
    "advise",
    "answer",
    "check_line",
    "evidence",
    "evidence_lines",
    "held_out",
    "measured_rows",
    "range_line",
    "read_table",
    "write_table",
]
