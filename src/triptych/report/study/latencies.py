"""How long the nets of a study take to answer: `latency.json` in its folder, written by who can
build nets, read here."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from triptych.errors import InvalidSetting
from triptych.result import write_whole

FILE = "latency.json"
SCHEMA = 1
ONE, MANY = 1, 512
BATCHES = (ONE, MANY)
"""How many samples are asked about at once."""


@final
@dataclass(frozen=True)
class Latency:
    """A forward pass of the net of an arm in a cell, in seconds over rounds.

    Attributes:
        job: the run whose net it is.
        batch: samples.
        low: lower quartile.
        high: upper quartile.
    """

    cell: str
    arm: str
    job: int
    batch: int
    median: float
    low: float
    high: float


@final
@dataclass(frozen=True)
class Latencies:
    """All that were measured side by side, and where.

    Attributes:
        machine: the name of its processor.
        torch: its version.
        date: in ISO 8601.
        dispatch: how experts got their samples, in words, where nets left that open.
    """

    machine: str
    torch: str
    threads: int
    rounds: int
    date: str
    dispatch: str
    nets: tuple[Latency, ...]

    def of(self, cell: str, arm: str, batch: int) -> Latency | None:
        """One of them; None if it was not measured."""
        wanted = (cell, arm, batch)
        return next((n for n in self.nets if (n.cell, n.arm, n.batch) == wanted), None)

    @property
    def where(self) -> str:
        """On what, in words."""
        threads = "one thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"{threads} of {self.machine}, torch {self.torch}, {self.rounds} rounds with all nets"
            f" in random order, {self.date[:10]}; experts by {self.dispatch}"
        )


def write_latencies(folder: Path, latencies: Latencies) -> Path:
    """As a whole file."""
    text = json.dumps({"schema": SCHEMA, **asdict(latencies)}, indent=1)
    return write_whole(folder / FILE, text + "\n")


def read_latencies(folder: Path) -> Latencies | None:
    """Those of a study's folder; None if they were not measured.

    Raises:
        InvalidSetting: if the file is none of ours.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if (schema := content.pop("schema", None)) != SCHEMA:
            raise ValueError(f"schema {schema}, expected {SCHEMA}")
        nets = tuple(Latency(**net) for net in content.pop("nets"))
        return Latencies(**content, nets=nets)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidSetting(
            f"{file} does not hold latencies ({error}): remove it, and measure again with"
            f" python scripts/latency.py {folder}"
        ) from error
