"""From which runs a figure is drawn, in words."""

from collections.abc import Iterable

from triptych.report.runs import Run


def source(runs: Iterable[Run]) -> str:
    """The number of runs, their settings and their seeds, to end a caption with."""
    listed = list(runs)
    names = list(dict.fromkeys(run.setting for run in listed))
    seeds = sorted({run.result.seed for run in listed})
    between = "; " if any("," in name for name in names) else ", "
    number = "1 run" if len(listed) == 1 else f"{len(listed)} runs"
    word = "seed" if len(seeds) == 1 else "seeds"
    return f"{number} of {between.join(names)} ({word} {', '.join(map(str, seeds))})"
