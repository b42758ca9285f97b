"""Every arm against the baselines of its study, paired by seed, in each cell."""

from dataclasses import dataclass
from typing import Literal, final

from triptych.report.comparison import ALPHA
from triptych.report.resampling import Bounded, bootstrap_mean, wilcoxon
from triptych.report.statistics import (
    Equivalence,
    Paired,
    equivalence,
    holm,
    paired_difference,
    smallest_detectable,
)
from triptych.report.study.outcomes import Outcomes

Verdict = Literal["ahead", "behind", "tie", "not shown", "too few seeds"]


@final
@dataclass(frozen=True)
class Difference:
    """`first` minus `second` in test accuracy (shares), on the seeds that both have.

    Attributes:
        bootstrap: of the mean difference, beside the t interval.
        ranks: p of the signed-rank test.
        corrected: p of the t test after Holm's correction over all differences of the study.
        detectable: the difference found in 80 % of all repetitions, given the spread seen here.
        wins: on how many seeds `first` is ahead.
    """

    cell: str
    first: str
    second: str
    paired: Paired
    bootstrap: Bounded
    ranks: float
    corrected: float
    equivalence: Equivalence
    detectable: float
    wins: int

    @property
    def verdict(self) -> Verdict:
        """What may be said: a lead only after the correction, a tie only if it is shown."""
        if self.paired.n < 2:
            return "too few seeds"
        if self.corrected < ALPHA:
            return "ahead" if self.paired.mean > 0 else "behind"
        return "tie" if self.equivalence.shown else "not shown"


def difference(
    outcomes: Outcomes, cell: str, first: str, second: str, margin: float = 0.003
) -> Difference:
    """One of them, without a correction."""
    ours, theirs = outcomes.scores(cell, first), outcomes.scores(cell, second)
    both = sorted(ours.keys() & theirs)
    apart = [ours[seed] - theirs[seed] for seed in both]
    paired = paired_difference(ours, theirs)
    return Difference(
        cell=cell,
        first=first,
        second=second,
        paired=paired,
        bootstrap=bootstrap_mean(apart),
        ranks=wilcoxon(apart),
        corrected=paired.p,
        equivalence=equivalence(paired, margin),
        detectable=smallest_detectable(paired.sd, paired.n),
        wins=sum(d > 0 for d in apart),
    )


def differences(outcomes: Outcomes) -> list[Difference]:
    """All of them, cell by cell, corrected together."""
    baselines = outcomes.study.baselines
    found = [
        difference(outcomes, cell, arm, baseline)
        for cell in outcomes.cells()
        for place, baseline in enumerate(baselines)
        for arm in outcomes.arms(cell)
        if arm not in baselines[: place + 1] and baseline in outcomes.arms(cell)
    ]
    corrected = holm([one.paired.p for one in found])
    return [
        Difference(**{**vars(one), "corrected": p}) for one, p in zip(found, corrected, strict=True)
    ]
