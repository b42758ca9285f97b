"""The runs of a study with what became of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import final

from triptych.errors import InvalidSetting
from triptych.report.ceilings import KnownCeiling, ceiling_of, read_ceilings
from triptych.report.records import read_records
from triptych.report.study.latencies import Latencies, read_latencies
from triptych.result import Result
from triptych.study import FILE, Record, Study, Trial, read

ACCURACY = "test/acc"
CEILING = "the most that can be known"


@final
@dataclass(frozen=True)
class Outcome:
    """A run of the study; `result` is None where it was not started or cannot be read."""

    trial: Trial
    result: Result | None

    @property
    def is_finished(self) -> bool:
        """Whether it ended as it should."""
        return self.result is not None and self.result.status == "finished"

    def value(self, metric: str) -> float | None:
        """A metric of the test split, or of the validation by its key; None if not measured."""
        if self.result is None or not self.is_finished:
            return None
        for part in ("test", "best", "final"):
            found = self.result.metrics.get(part, {}).get(metric)
            if found is not None and found == found:
                return found
        return None


@final
@dataclass(frozen=True)
class Outcomes:
    """All runs of a study.

    Attributes:
        ceilings: of accuracy, by cell, where the data know them.
        latencies: of the trained nets, if they were measured.
    """

    record: Record
    runs: tuple[Outcome, ...]
    ceilings: dict[str, KnownCeiling]
    latencies: Latencies | None

    @property
    def study(self) -> Study:
        """What it is."""
        return self.record.study

    def compared(self, cell: str, arm: str) -> list[Outcome]:
        """The runs of an arm in a cell whose test results count, by seed."""
        mine = (
            run
            for run in self.runs
            if (run.trial.stage, run.trial.cell, run.trial.arm) == ("comparison", cell, arm)
        )
        return sorted(mine, key=lambda run: run.trial.seed)

    def scores(self, cell: str, arm: str, metric: str = ACCURACY) -> dict[int, float]:
        """By seed, where it was measured."""
        found = {run.trial.seed: run.value(metric) for run in self.compared(cell, arm)}
        return {seed: value for seed, value in found.items() if value is not None}

    def accuracy(self, cell: str, arm: str) -> float | None:
        """The mean over seeds, as a share."""
        scores = self.scores(cell, arm)
        return fmean(scores.values()) if scores else None

    def panel(self, arm: str) -> str:
        """Of the runs of an arm; empty if none has begun."""
        panels = (r.result.panel for r in self.runs if r.trial.arm == arm and r.result is not None)
        return next(panels, "")

    def arms(self, cell: str) -> list[str]:
        """The arms of a cell, in the order of the study."""
        return [arm for arm in self.study.arms if (cell, arm) in self.study.pairs]

    def cells(self) -> Iterator[str]:
        """Those with any arm, in the order of the study."""
        named = {cell for cell, _ in self.study.pairs}
        return (cell for cell in self.study.cells if cell in named)

    def rate(self, cell: str, arm: str) -> float | None:
        """The learning rate that was chosen."""
        chosen = {(c, a): rate for c, a, rate in self.record.chosen}
        return chosen.get((cell, arm))

    def tried(self, cell: str, arm: str) -> list[float]:
        """The learning rates that were tried to choose it, in rising order."""
        mine = (t for t in self.record.trials if (t.stage, t.cell, t.arm) == ("tuning", cell, arm))
        return sorted({trial.rate for trial in mine})


def read_outcomes(folder: Path) -> Outcomes:
    """The study in a folder.

    Raises:
        InvalidSetting: if it holds none, or what was measured of it cannot be read.
    """
    record = read(folder)
    if record is None:
        raise InvalidSetting(f"{folder}: there is no {FILE} in that folder")
    found, _ = read_records([folder])
    by_job = {run.name: result for run, result in found if run.parent == folder.resolve()}
    runs = tuple(Outcome(trial, by_job.get(str(trial.job))) for trial in record.trials)
    ceilings = _ceilings(runs, read_ceilings(folder))
    return Outcomes(record, runs, ceilings, read_latencies(folder))


def _ceilings(runs: tuple[Outcome, ...], known: list[KnownCeiling]) -> dict[str, KnownCeiling]:
    by_cell: dict[str, KnownCeiling] = {}
    for run in runs:
        found = run.result and ceiling_of(known, run.result.config)
        if found:
            by_cell.setdefault(run.trial.cell, found)
    return by_cell
