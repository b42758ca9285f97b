"""The end of a single run, or of replicas, for who sits at a terminal."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev

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
    return Group(table, *_hints(folder))


def replicas_line(results: Sequence[Result], folder: Path) -> str:
    """`3 of 4 replicas: test accuracy 0.9900 ± 0.0019, in FOLDER`: mean and standard deviation of
    those that have finished."""
    done = [r.metrics["test"]["test/acc"] for r in results if r.status == "finished"]
    count = f"{len(done)} of {len(results)}" if len(done) < len(results) else f"{len(done)}"
    mean = f": test accuracy {fmean(done):.4f}" if done else " finished"
    spread = f" ± {stdev(done):.4f}" if len(done) > 1 else ""
    return f"{count} replicas{mean}{spread}, in {folder}"


def show_replicas(results: Sequence[Result], folder: Path) -> None:
    """Prints what became of all of them, and at a terminal what to type to see more."""
    print(replicas_line(results, folder))
    console = Console()
    if console.is_terminal:
        console.print(Group(*_hints(folder)), soft_wrap=True)


def show_summary(result: Result, folder: Path) -> None:
    """Prints it to the standard output if that is a terminal."""
    console = Console()
    if console.is_terminal:
        console.print(summary(result, folder), soft_wrap=True)


def _hints(folder: Path) -> Iterator[Text]:
    place = shlex.quote(str(folder))
    for script in ("dashboard", "report"):
        yield Text(f"see it with: python scripts/{script}.py {place}", no_wrap=True)


def _rows(result: Result) -> Iterator[tuple[str, str]]:
    test, cost = result.metrics["test"], result.cost
    yield "test accuracy", f"{100 * test['test/acc']:.2f} %   (loss {test['test/loss']:.4f})"
    for metric, value in result.metrics["best"].items():
        yield f"best {metric}", f"{value:.4f}"
    yield "parameters", f"{cost['params_total']:,.0f}, active {cost['params_active']:,.0f}"
    yield "FLOPs per sample", f"{cost['flops']:,.0f}, executed {cost['flops_executed']:,.0f}"
    yield "training", f"{result.seconds['fit']:.1f} s, {result.samples_per_s:,.0f} samples/s"
    yield "epochs", f"{result.epochs}, {result.steps:,} steps"
