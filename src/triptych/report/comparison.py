"""One setting against another: what the paired seeds let one say, and the sentence for it."""

from dataclasses import dataclass
from typing import Literal

from triptych.report.statistics import Equivalence, Paired

Verdict = Literal[
    "ahead", "tie", "not shown", "lost in correction", "no spread", "one seed", "no common seed"
]

ALPHA = 0.05


@dataclass(frozen=True)
class Comparison:
    """`first` against `second` in test accuracy (shares); `first` has the higher paired mean.

    Attributes:
        corrected_p: Holm's p over all pairs of settings with the same data.
        detectable: the difference that this many seeds find in 80 % of all cases, at the level
            that a lead must pass if it is Holm's first step: alpha / pairs.
        pairs: how many pairs of settings have a test.
    """

    first: str
    second: str
    paired: Paired
    corrected_p: float
    detectable: float
    equivalence: Equivalence
    pairs: int

    @property
    def verdict(self) -> Verdict:
        """What may be said; a lead or a tie only if its test passes."""
        if self.paired.n < 2:
            return "one seed" if self.paired.n else "no common seed"
        if self.paired.sd == 0.0:
            return "no spread"
        if self.corrected_p < ALPHA:
            return "ahead"
        if self.equivalence.shown:
            return "tie"
        return "lost in correction" if self.paired.p < ALPHA else "not shown"

    @property
    def sentence(self) -> str:
        """The verdict in words, with its numbers in accuracy points."""
        return _SENTENCES[self.verdict](self)


def points(share: float) -> str:
    """A share in percentage points, and never a negative zero.

    >>> points(0.0123), points(-0.00001)
    ('1.23', '0.00')
    """
    return f"{round(100 * share, 2) + 0.0:.2f}"


def seeds_text(n: int) -> str:
    """A number of seeds in words.

    >>> seeds_text(1), seeds_text(3)
    ('1 seed', '3 seeds')
    """
    return f"{n} seed" if n == 1 else f"{n} seeds"


def _interval(c: Comparison) -> str:
    return f"95 % interval [{points(c.paired.low)}, {points(c.paired.high)}]"


def _ahead(c: Comparison) -> str:
    small = (
        f" That is less than the {100 * c.equivalence.margin:g} points that count as a tie."
        if c.equivalence.shown
        else ""
    )
    return (
        f"{c.first} is ahead of {c.second} by {points(c.paired.mean)} points of test accuracy "
        f"({_interval(c)}, {c.paired.n} paired seeds).{small}"
    )


def _tie(c: Comparison) -> str:
    return (
        f"{c.first} and {c.second} tie: their difference of {points(c.paired.mean)} points "
        f"({_interval(c)}, {c.paired.n} paired seeds) is within ±{100 * c.equivalence.margin:g} "
        f"points (equivalence test, p = {c.equivalence.p:.2g})."
    )


def _not_shown(c: Comparison) -> str:
    return (
        f"No difference shown between {c.first} and {c.second} with {seeds_text(c.paired.n)} "
        f"({points(c.paired.mean)} points, {_interval(c)}; smallest detectable"
        f"{_correction(c)}: {points(c.detectable)} points)."
    )


def _lost(c: Comparison) -> str:
    return (
        f"No difference shown between {c.first} and {c.second} with {seeds_text(c.paired.n)}: "
        f"{points(c.paired.mean)} points ({_interval(c)}) do not pass Holm's correction over "
        f"{c.pairs} pairs (p = {c.corrected_p:.2g}; smallest detectable{_correction(c)}: "
        f"{points(c.detectable)} points)."
    )


def _correction(c: Comparison) -> str:
    return f" at p < {ALPHA:g} / {c.pairs}" if c.pairs > 1 else ""


def _no_spread(c: Comparison) -> str:
    if points(c.paired.mean) == "0.00":
        return (
            f"{c.first} and {c.second} have the same accuracy in each of {c.paired.n} paired "
            "seeds: without any spread there is no interval to judge this by."
        )
    return (
        f"{c.first} is {points(c.paired.mean)} points above {c.second} in each of "
        f"{c.paired.n} paired seeds: without any spread there is no interval to judge this by."
    )


def _one_seed(c: Comparison) -> str:
    return (
        f"{c.first} is {points(c.paired.mean)} points above {c.second} on the one seed that they "
        "share: one seed cannot show a difference."
    )


def _no_seed(c: Comparison) -> str:
    return f"{c.first} and {c.second} share no seed, so they are not compared."


_SENTENCES = {
    "ahead": _ahead,
    "tie": _tie,
    "not shown": _not_shown,
    "lost in correction": _lost,
    "no spread": _no_spread,
    "one seed": _one_seed,
    "no common seed": _no_seed,
}
