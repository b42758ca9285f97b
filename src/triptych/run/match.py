"""Fair budgets: the width at which a net costs what a dense net does."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

from omegaconf import DictConfig, OmegaConf

from triptych.cost import Budget, nearest
from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.run.build import construct
from triptych.run.candidates import Candidates
from triptych.run.checkpoint import FOUND, found_before


@final
@dataclass(frozen=True)
class Found:
    """The width of a net that is to be matched.

    Attributes:
        kind: what is equal.
        unit: of the numbers.
        d_hidden: the answer.
        reference: width of the dense net.
        budget: what the dense net costs.
        reached: what the net of that width costs.
    """

    kind: str
    unit: str
    d_hidden: int
    reference: int
    budget: float
    reached: float

    @property
    def mismatch(self) -> float:
        """By which share it costs more than the dense net."""
        return self.reached / self.budget - 1

    def line(self) -> str:
        """For people."""
        reached, budget = _readable(self.reached), _readable(self.budget)
        return (
            f"match={self.kind}: model.d_hidden={self.d_hidden}, {reached} {self.unit} against"
            f" {budget} of ffn with {self.reference} ({100 * self.mismatch:+.1f} %)"
        )

    def record(self) -> dict[str, Any]:
        """For `result.json`."""
        return asdict(self) | {"mismatch": self.mismatch}


class Match(ABC):
    """Says what is to be equal.

    Args:
        d_hidden: of the dense net.
        tolerance: the largest share by which the nearest net may miss.

    Raises:
        InvalidSetting: if either is out of range.
    """

    def __init__(self, d_hidden: int, tolerance: float) -> None:
        if not isinstance(d_hidden, int) or isinstance(d_hidden, bool) or d_hidden < 2:
            raise InvalidSetting(
                f"match.d_hidden={d_hidden} must be a whole number of at least 2: the width of the"
                " dense net to match"
            )
        if not isinstance(tolerance, int | float) or not 0 <= tolerance < float("inf"):
            raise InvalidSetting(
                f"match.tolerance={tolerance} must be a share of at least 0, such as 0.1"
            )
        self.d_hidden, self.tolerance = d_hidden, tolerance

    @abstractmethod
    def find(self, nets: Candidates) -> Found:
        """The width, however good it is."""

    @final
    def solve(self, nets: Candidates) -> Found:
        """The width, if it is good enough.

        Raises:
            IncompatibleSettings: if it is not.
        """
        found = self.find(nets)
        if abs(found.mismatch) > self.tolerance:
            raise IncompatibleSettings(
                f"{found.line()} is the nearest, beyond match.tolerance={self.tolerance}: take"
                f" another match.d_hidden than {self.d_hidden}, other sizes of the model, or a"
                " larger match.tolerance"
            )
        return found


@final
class DeclaredMatch(Match):
    """By numbers that are known before training.

    Args:
        budget: what is to be equal.
        common: what every `Match` takes.
    """

    def __init__(self, *, budget: Budget, **common: Any) -> None:
        super().__init__(**common)
        self.budget = budget

    def find(self, nets: Candidates) -> Found:
        """By halving, among all widths that the net can have."""
        budget = self.budget.of(nets.dense(self.d_hidden), nets.samples)
        widths = nets.widths()

        def cost(d_hidden: int) -> float:
            try:
                return self.budget.of(nets.forecast(d_hidden), nets.samples)
            except InvalidSetting:
                if d_hidden > nets.typical:
                    raise
                return float("-inf")  # too narrow for a net

        width, reached = nearest(cost, budget, widths, widths.index(nets.typical))
        kind, unit = self.budget.kind, self.budget.unit
        return Found(kind, unit, width, self.d_hidden, budget, reached)


def solved(nets: Candidates, overrides: Sequence[str]) -> Found:
    """What the match of a configuration finds.

    Args:
        nets: of the configuration.
        overrides: as typed.

    Raises:
        InvalidSetting: for a width that was typed as well, and as the match does.
    """
    if any(re.match(r"\+{0,2}model\.d_hidden=", override) for override in overrides):
        raise InvalidSetting(
            f"model.d_hidden={nets.typical}: match searches the width; leave model.d_hidden"
            " out, or set match=none (match.d_hidden is that of the dense net)"
        )
    match: Match = construct(nets.config["match"], "match")
    return match.solve(nets)


def as_found(cfg: DictConfig, checkpoint: str | None) -> dict[str, Any]:
    """The plain configuration; with what its match found when a checkpoint was made, if it did."""
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    found = found_before(checkpoint, config["match"])
    return at_width(cfg, found) if found else config


def at_width(cfg: DictConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """The plain configuration with what a match has found."""
    wide = OmegaConf.merge(cfg, {"model": {"d_hidden": found["d_hidden"]}})
    config: Any = OmegaConf.to_container(wide, resolve=True)
    return {**config, "match": {**config["match"], FOUND: dict(found)}}


def _readable(number: float) -> str:
    return f"{number:,.0f}" if 100 <= number < 1e9 else f"{number:.4g}"
