"""From which runs a figure is drawn, in words."""

from collections.abc import Iterable

from triptych.report.runs import Run

# More settings than this are counted: the legend names them.
_SPELLED_OUT = 4


def source(runs: Iterable[Run]) -> str:
    """The number of runs, their settings and their seeds, to end a caption with."""
    listed = list(runs)
    names = list(dict.fromkeys(run.setting for run in listed))
    seeds = sorted({run.result.seed for run in listed})
    between = "; " if any("," in name for name in names) else ", "
    number = "1 run" if len(listed) == 1 else f"{len(listed)} runs"
    word = "seed" if len(seeds) == 1 else "seeds"
    settings = between.join(names) if len(names) <= _SPELLED_OUT else f"{len(names)} settings"
    return f"{number} of {settings} ({word} {', '.join(map(str, seeds))})"
