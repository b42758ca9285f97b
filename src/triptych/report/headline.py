"""The answer in words: what the paired seeds show about the best mean, and no more than that."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from triptych.report.best_possible import best_possible
from triptych.report.comparison import ALPHA, Comparison, seeds_text
from triptych.report.early import early_caveats
from triptych.report.runs import Runs
from triptych.report.statistics import (
    Paired,
    equivalence,
    holm,
    paired_difference,
    smallest_detectable,
)

Scores = Mapping[str, Mapping[int, float]]

MARGIN = 0.003
# More comparisons than this are counted in the sentence; the page lists them in a table.
SPELLED_OUT = 4

MEASURED_ON = (
    "Accuracy is measured at the checkpoint with the best validation score, on a test set that "
    "each run used once."
)


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
    """The answer for all finished runs; settings are compared only on the same data.

    A setting with a run that was cut short is in no comparison: with that run it would be too
    bad, and without it too good.
    """
    if not runs.finished:
        return Headline(("No finished run.",))
    caveats = early_caveats(runs)
    whole = [name for name in runs.settings if not any(r.is_cut_short for r in runs.of(name))]
    if not whole:
        return Headline(("No comparison: each setting has a run that was given up.",), (), caveats)
    tasks = runs.only(whole).tasks()
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
    said = (*remarks, *best_possible(runs), *caveats, MEASURED_ON)
    return Headline(tuple(sentences), comparisons, said)


def compare(scores: Scores, margin: float = MARGIN) -> Headline:
    """The best mean against the others; `scores` holds test accuracy by setting and seed."""
    scored = {setting: seeds for setting, seeds in scores.items() if seeds}
    if not scored:
        return Headline(("No test accuracy was measured.",))
    common = set.intersection(*(set(seeds) for seeds in scored.values()))
    fair = len(common) > 1
    means = {setting: _mean(seeds, common if fair else seeds) for setting, seeds in scored.items()}
    best = max(means, key=lambda setting: means[setting])
    mean = f"{100 * means[best]:.2f} %"
    if len(scored) == 1:
        seeds = seeds_text(len(scored[best]))
        return Headline(
            (f"Only {best} was trained to its end: test accuracy {mean} over {seeds}.",)
        )
    comparisons = _against(best, scored, margin)
    if len(comparisons) <= SPELLED_OUT:
        sentences = tuple(comparison.sentence for comparison in comparisons)
    else:
        sentences = (_counted(best, mean, comparisons),)
    unequal = any(set(seeds) != common for seeds in scored.values())
    remarks = [_ranking(len(common))] if unequal else []
    pairs = comparisons[0].pairs
    if pairs > 1:
        remarks.append(_CORRECTION.format(pairs=pairs, alpha=ALPHA))
    return Headline(sentences, comparisons, tuple(remarks))


_CORRECTION = (
    "The best mean is chosen after the fact, so a lead must pass Holm's correction over all "
    "{pairs} pairs; each interval is for its one comparison. Smallest detectable differences are "
    "for Holm's first step, p < {alpha:g} / {pairs}."
)


def _mean(seeds: Mapping[int, float], over: Iterable[int]) -> float:
    chosen = [seeds[seed] for seed in over]
    return sum(chosen) / len(chosen)


def _ranking(common: int) -> str:
    if common > 1:
        return f"The best mean is that over the {common} seeds that all settings share."
    return (
        "The settings share fewer than two seeds, so the best mean is chosen from means over each "
        "setting's own seeds."
    )


def _against(best: str, scores: Scores, margin: float) -> tuple[Comparison, ...]:
    pairs = list(combinations(scores, 2))
    tests = {pair: paired_difference(scores[pair[0]], scores[pair[1]]) for pair in pairs}
    family = [pair for pair in pairs if not math.isnan(tests[pair].p)]
    corrected = dict(zip(pairs, holm([_p(tests[pair]) for pair in pairs]), strict=True))
    level = ALPHA / max(len(family), 1)
    found = []
    for pair in pairs:
        if best not in pair:
            continue
        first, second = pair if tests[pair].mean >= 0 else pair[::-1]
        if math.isnan(tests[pair].mean) or tests[pair].mean == 0:
            first, second = best, next(setting for setting in pair if setting != best)
        paired = paired_difference(scores[first], scores[second])
        detectable = smallest_detectable(paired.sd, paired.n, alpha=level)
        same = equivalence(paired, margin)
        found.append(
            Comparison(first, second, paired, corrected[pair], detectable, same, len(family))
        )
    return tuple(found)


def _p(paired: Paired) -> float:
    """The p value for Holm; without spread no lead is told, so it must make no other one easier."""
    return 1.0 if paired.sd == 0.0 else paired.p


def _counted(best: str, mean: str, comparisons: Sequence[Comparison]) -> str:
    counts = Counter(
        "behind" if c.verdict == "ahead" and c.first != best else c.verdict for c in comparisons
    )
    told = [words.format(n=counts[verdict]) for verdict, words in _COUNTED if counts[verdict]]
    return (
        f"{best} has the highest mean test accuracy ({mean}) of {len(comparisons) + 1} settings: "
        f"{', '.join(told)}."
    )


_COUNTED = (
    ("ahead", "ahead of {n}"),
    ("behind", "behind {n} on the seeds that the two share"),
    ("tie", "tied with {n}"),
    ("not shown", "no difference shown to {n}"),
    ("lost in correction", "no difference to {n} after Holm's correction"),
    ("no spread", "the same gap in every seed to {n}"),
    ("one seed", "only one seed in common with {n}"),
    ("no common seed", "no seed in common with {n}"),
)
