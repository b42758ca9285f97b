"""The end of a single run, for who sits at a terminal."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from triptych.result import Result


def summary(result: Result, folder: Path) -> Group:
    """Test, cost and time in a small table, and what to type to see more.

    Args:
        result: of a run that has finished.
        folder: of the run.
    """
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for name, value in _rows(result):
        table.add_row(name, value)
    place = shlex.quote(str(folder))
    hints = (f"python scripts/{script}.py {place}" for script in ("dashboard", "report"))
    return Group(table, *(Text(f"see it with: {hint}", no_wrap=True) for hint in hints))


def show_summary(result: Result, folder: Path) -> None:
    """Prints it to the standard output if that is a terminal."""
    console = Console()
    if console.is_terminal:
        console.print(summary(result, folder), soft_wrap=True)


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    test, cost = result.metrics["test"], result.cost
    yield "test accuracy", f"{100 * test['test/acc']:.2f} %   (loss {test['test/loss']:.4f})"
    for metric, value in result.metrics["best"].items():
        yield f"best {metric}", f"{value:.4f}"
    yield "parameters", f"{cost['params_total']:,.0f}, active {cost['params_active']:,.0f}"
    yield "FLOPs per sample", f"{cost['flops']:,.0f}, executed {cost['flops_executed']:,.0f}"
    yield "training", f"{result.seconds['fit']:.1f} s, {result.samples_per_s:,.0f} samples/s"
    yield "epochs", f"{result.epochs}, {result.steps:,} steps"
