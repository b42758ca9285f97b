"""The small table that advice reads: one row for each arm of each cell of each study, as CSV."""

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from triptych.errors import InvalidSetting
from triptych.report.advice.task import AXES, Task
from triptych.report.statistics import paired_difference
from triptych.result import write_whole

NUMBERS = (
    "label_noise",
    "params_total",
    "params_active",
    "flops",
    "training_flops",
    "fit_seconds",
)
TEXTS = ("study", "cell", "arm", "panel", "data", "commit", "machine", "torch")


@final
@dataclass(frozen=True)
class Measured:
    """One arm in one cell.

    Attributes:
        panel: `dense`, `sparse` or `moe`.
        control: whether nobody would use it, as it knows or ignores what others learn.
        data: the class of the data.
        label_noise: share of wrong labels; NaN where unknown, as are the costs.
        flops: of one sample, forward.
        training_flops: of the whole training; mean over seeds.
        fit_seconds: of training and validation on the machine; mean over seeds.
        scores: test accuracy (a share) by seed, never empty.
    """

    study: str
    cell: str
    arm: str
    panel: str
    control: bool
    data: str
    task: Task
    label_noise: float
    params_total: float
    params_active: float
    flops: float
    training_flops: float
    fit_seconds: float
    scores: Mapping[int, float]
    commit: str
    machine: str
    torch: str


def write_table(rows: Iterable[Measured], file: Path) -> Path:
    """Writes them, with mean accuracy and 95 % interval over seeds for who reads the file."""
    text = io.StringIO()
    lines = [_line(row) for row in rows]
    writer = csv.DictWriter(text, HEAD, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    file.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(file, text.getvalue())


def read_table(file: Path) -> list[Measured]:
    """The rows of a table.

    Raises:
        InvalidSetting: if it is missing or is none.
    """
    if not file.is_file():
        raise InvalidSetting(f"{file}: there is no such table; `make study` makes one")
    with file.open(encoding="utf-8", newline="") as opened:
        reader = csv.DictReader(opened)
        if missing := [name for name in HEAD if name not in (reader.fieldnames or ())]:
            raise InvalidSetting(f"{file} is no table of studies: it has no {', '.join(missing)}")
        try:
            return [_row(line) for line in reader]
        except (TypeError, ValueError) as error:
            raise InvalidSetting(f"{file}, line {reader.line_num}: {error}") from error


HEAD = (
    *("study", "cell", "arm", "panel", "control", "data", *AXES, *NUMBERS),
    *("seeds", "test_acc", "low", "high", "scores", "commit", "machine", "torch"),
)


def _line(row: Measured) -> dict[str, str]:
    mean = paired_difference(row.scores, dict.fromkeys(row.scores, 0.0))
    told = {name: getattr(row, name) for name in (*TEXTS, *NUMBERS)}
    told |= {"control": "yes" if row.control else "no", **vars(row.task)}
    told |= {"seeds": mean.n, "test_acc": mean.mean, "low": mean.low, "high": mean.high}
    told["scores"] = " ".join(f"{seed}:{row.scores[seed]:.8g}" for seed in sorted(row.scores))
    return {name: _text(value) for name, value in told.items()}


def _row(line: Mapping[str, str]) -> Measured:
    pairs = (pair.split(":") for pair in line["scores"].split())
    scores = {int(seed): float(score) for seed, score in pairs}
    if not scores:
        raise ValueError("no scores")
    numbers = {name: float(line[name] or "nan") for name in NUMBERS}
    return Measured(
        study=line["study"],
        cell=line["cell"],
        arm=line["arm"],
        panel=line["panel"],
        control=line["control"] == "yes",
        data=line["data"],
        task=Task(**{axis: int(line[axis]) if line[axis] else None for axis in AXES}),
        label_noise=numbers["label_noise"],
        params_total=numbers["params_total"],
        params_active=numbers["params_active"],
        flops=numbers["flops"],
        training_flops=numbers["training_flops"],
        fit_seconds=numbers["fit_seconds"],
        scores=scores,
        commit=line["commit"],
        machine=line["machine"],
        torch=line["torch"],
    )


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
