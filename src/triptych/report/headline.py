"""The answer in words: what the paired seeds show about the best mean, and no more than that."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from triptych.report.runs import Runs
from triptych.report.statistics import (
    Equivalence,
    Paired,
    equivalence,
    holm,
    paired_difference,
    smallest_detectable,
)

Verdict = Literal[
    "ahead", "tie", "not shown", "lost in correction", "no spread", "one seed", "no common seed"
]
Scores = Mapping[str, Mapping[int, float]]

MARGIN = 0.003
ALPHA = 0.05
# More comparisons than this are counted in the sentence; the page lists them in a table.
SPELLED_OUT = 4

MEASURED_ON = (
    "Accuracy is measured at the checkpoint with the best validation score, on a test set that "
    "each run used once."
)


@dataclass(frozen=True)
class Comparison:
    """`first` against `second` in test accuracy (shares); `first` has the higher paired mean.

    Attributes:
        corrected_p: Holm's p over all pairs of settings with the same data.
        detectable: the difference that this many seeds find in 80 % of all cases.
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
        if self.paired.sd == 0.0 and self.paired.p == 0.0:
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


@dataclass(frozen=True)
class Headline:
    """What stands on top of the report.

    Attributes:
        sentences: the answer, one sentence per comparison (or one that counts them).
        comparisons: the best mean against every other setting with the same data.
        remarks: how the answer was reached.
    """

    sentences: tuple[str, ...]
    comparisons: tuple[Comparison, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The answer as one paragraph."""
        return " ".join(self.sentences)


def headline(runs: Runs, margin: float = MARGIN) -> Headline:
    """The answer for all finished runs; settings are compared only on the same data."""
    if not runs.finished:
        return Headline(("No finished run.",))
    tasks = runs.tasks()
    parts = [
        compare({setting: runs.accuracy(setting) for setting in settings}, margin)
        for settings in tasks.values()
    ]
    prefixes = [f"With {task or 'the default data'}: " if len(tasks) > 1 else "" for task in tasks]
    sentences = [
        prefix + part.sentences[0] if place == 0 else sentence
        for prefix, part in zip(prefixes, parts, strict=True)
        for place, sentence in enumerate(part.sentences)
    ]
    remarks = dict.fromkeys(remark for part in parts for remark in part.remarks)
    comparisons = tuple(comparison for part in parts for comparison in part.comparisons)
    return Headline(tuple(sentences), comparisons, (*remarks, MEASURED_ON))


def compare(scores: Scores, margin: float = MARGIN) -> Headline:
    """The best mean against the others; `scores` holds test accuracy by setting and seed."""
    scored = {setting: seeds for setting, seeds in scores.items() if seeds}
    if not scored:
        return Headline(("No test accuracy was measured.",))
    means = {setting: sum(seeds.values()) / len(seeds) for setting, seeds in scored.items()}
    best = max(means, key=lambda setting: means[setting])
    mean = f"{100 * means[best]:.2f} %"
    if len(scored) == 1:
        seeds = _seeds(len(scored[best]))
        return Headline((f"Only {best} was trained: test accuracy {mean} over {seeds}.",))
    comparisons = _against(best, scored, margin)
    if len(comparisons) <= SPELLED_OUT:
        sentences = tuple(comparison.sentence for comparison in comparisons)
    else:
        sentences = (_counted(best, mean, comparisons),)
    pairs = comparisons[0].pairs
    remarks = (_CORRECTION.format(pairs=pairs),) if pairs > 1 else ()
    return Headline(sentences, comparisons, remarks)


_CORRECTION = (
    "The best mean is chosen after the fact, so a lead must pass Holm's correction over all "
    "{pairs} pairs; each interval is for its one comparison."
)


def _against(best: str, scores: Scores, margin: float) -> tuple[Comparison, ...]:
    pairs = list(combinations(scores, 2))
    tests = {pair: paired_difference(scores[pair[0]], scores[pair[1]]) for pair in pairs}
    family = [pair for pair in pairs if not math.isnan(tests[pair].p)]
    corrected = dict(zip(pairs, holm([tests[pair].p for pair in pairs]), strict=True))
    found = []
    for pair in pairs:
        if best not in pair:
            continue
        first, second = pair if tests[pair].mean >= 0 else pair[::-1]
        if math.isnan(tests[pair].mean) or tests[pair].mean == 0:
            first, second = best, next(setting for setting in pair if setting != best)
        paired = paired_difference(scores[first], scores[second])
        detectable = smallest_detectable(paired.sd, paired.n)
        same = equivalence(paired, margin)
        found.append(
            Comparison(first, second, paired, corrected[pair], detectable, same, len(family))
        )
    return tuple(found)


def _counted(best: str, mean: str, comparisons: Sequence[Comparison]) -> str:
    ahead = sum(c.verdict == "ahead" and c.first == best for c in comparisons)
    tied = sum(c.verdict == "tie" for c in comparisons)
    rest = len(comparisons) - ahead - tied
    return (
        f"{best} has the highest mean test accuracy ({mean}) of {len(comparisons) + 1} settings: "
        f"ahead of {ahead}, tied with {tied}, no difference shown to {rest}."
    )


def _points(share: float) -> str:
    return f"{100 * share:.2f}"


def _seeds(n: int) -> str:
    return f"{n} seed" if n == 1 else f"{n} seeds"


def _interval(c: Comparison) -> str:
    return f"95 % interval [{_points(c.paired.low)}, {_points(c.paired.high)}]"


def _ahead(c: Comparison) -> str:
    small = (
        f" That is less than the {100 * c.equivalence.margin:g} points that count as a tie."
        if c.equivalence.shown
        else ""
    )
    return (
        f"{c.first} is ahead of {c.second} by {_points(c.paired.mean)} points of test accuracy "
        f"({_interval(c)}, {c.paired.n} paired seeds).{small}"
    )


def _tie(c: Comparison) -> str:
    return (
        f"{c.first} and {c.second} tie: their difference of {_points(c.paired.mean)} points "
        f"({_interval(c)}, {c.paired.n} paired seeds) is within ±{100 * c.equivalence.margin:g} "
        f"points (equivalence test, p = {c.equivalence.p:.2g})."
    )


def _not_shown(c: Comparison) -> str:
    return (
        f"No difference shown between {c.first} and {c.second} with {_seeds(c.paired.n)} "
        f"({_points(c.paired.mean)} points, {_interval(c)}; smallest detectable: "
        f"{_points(c.detectable)} points)."
    )


def _lost(c: Comparison) -> str:
    return (
        f"No difference shown between {c.first} and {c.second} with {_seeds(c.paired.n)}: "
        f"{_points(c.paired.mean)} points ({_interval(c)}) do not pass Holm's correction over "
        f"{c.pairs} pairs (p = {c.corrected_p:.2g}; smallest detectable without it: "
        f"{_points(c.detectable)} points)."
    )


def _no_spread(c: Comparison) -> str:
    return (
        f"{c.first} is {_points(c.paired.mean)} points above {c.second} in each of "
        f"{c.paired.n} paired seeds: without any spread there is no interval to judge this by."
    )


def _one_seed(c: Comparison) -> str:
    return (
        f"{c.first} is {_points(c.paired.mean)} points above {c.second} on the one seed that they "
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
