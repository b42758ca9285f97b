"""What a study was expected to show, written down before it ran, held against what it showed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from triptych.errors import InvalidSetting
from triptych.report.resampling import Bounded
from triptych.report.statistics import paired_difference
from triptych.report.study.differences import difference
from triptych.report.study.frontier import COSTS, cheapest
from triptych.report.study.outcomes import ACCURACY, Outcomes
from triptych.study import Study

LIMITS = ("least", "most", "above", "below", "tie")
KEYS = {"claim", "cell", "arm", "minus", "of", *LIMITS}
RATIO_KEYS = {"claim", "arm", "over", "target", "cost", "least"}


@final
@dataclass(frozen=True)
class Claim:
    """One expectation and what was measured; accuracies in percentage points.

    Attributes:
        needed: what was expected, in words.
        measured: mean and 95 % interval over seeds.
        holds: None where too little was measured to say.
    """

    text: str
    needed: str
    measured: Bounded
    seeds: int
    holds: bool | None


def judged(outcomes: Outcomes) -> list[Claim]:
    """All claims of a study.

    Raises:
        InvalidSetting: for a claim that names what the study does not have.
    """
    check_claims(outcomes.study)
    return [
        judge_ratio(outcomes, node) if "target" in node else judge(outcomes, node)
        for node in outcomes.study.claims
    ]


def check_claims(study: Study) -> None:
    """Refuses claims that cannot be judged; before a study runs, not after.

    Raises:
        InvalidSetting: naming the claim and what is wrong with it.
    """
    for node in study.claims:
        _check_ratio(study, node) if "target" in node else _check(study, node)


def judge(outcomes: Outcomes, node: Mapping[str, Any]) -> Claim:
    """One claim: of the mean of an `arm`, or of its difference `minus` another one, in a `cell`;
    `of` a metric, test accuracy by default. Its limits: `least` and `most` bound the mean, `above`
    and `below` the whole interval, `tie` is the margin of an equivalence test.
    """
    cell, arm, other = node["cell"], node["arm"], node.get("minus")
    metric = node.get("of", ACCURACY)
    scale = 100.0 if metric == ACCURACY else 1.0
    scores = outcomes.scores(cell, arm, metric)
    against = dict.fromkeys(scores, 0.0) if other is None else outcomes.scores(cell, other, metric)
    paired = paired_difference(scores, against)
    low, high = (scale * b for b in (paired.low, paired.high))
    measured = Bounded(scale * paired.mean, low, high)
    limits = {name: float(node[name]) for name in LIMITS if name in node}
    needed = ", ".join(_WORDS[name].format(limit) for name, limit in limits.items())
    if paired.n == 0:
        return Claim(node["claim"], needed, measured, 0, None)
    met = {
        "least": lambda limit: measured.value >= limit,
        "most": lambda limit: measured.value <= limit,
        "above": lambda limit: measured.low > limit,
        "below": lambda limit: measured.high < limit,
        "tie": lambda limit: _ties(outcomes, cell, arm, other, limit),
    }
    interval = any(name in limits for name in ("above", "below", "tie"))
    if interval and math.isnan(measured.low):
        return Claim(node["claim"], needed, measured, paired.n, None)
    holds = all(met[name](limit) for name, limit in limits.items())
    return Claim(node["claim"], needed, measured, paired.n, holds)


def judge_ratio(outcomes: Outcomes, node: Mapping[str, Any]) -> Claim:
    """A claim about what it costs to reach the accuracy `target` (percent): the `cost` (`flops` or
    `seconds` of training; `latency` of 512 answers or `latency_of_one`, where `scripts/latency.py`
    has measured it) of the cheapest of the arms `over`, as a multiple of what `arm` needs, is at
    `least` so much. It does not hold if `arm` never gets there, and cannot be judged if none of
    the others does: then they need more than was tried.
    """
    target, kind = float(node["target"]) / 100, node["cost"]
    ours = cheapest(outcomes, [node["arm"]], target, kind)
    theirs = cheapest(outcomes, node["over"], target, kind)
    seeds = len(outcomes.study.seeds)
    needed = f"at least {node['least']:g} times"
    if ours is None or theirs is None:
        holds = False if ours is None and theirs is not None else None
        return Claim(node["claim"], needed, Bounded(math.nan, math.nan, math.nan), 0, holds)
    ratio = theirs.cost / ours.cost
    text = f"{node['claim']} ({theirs.arm}, {theirs.cell} over {ours.arm}, {ours.cell})"
    measured = Bounded(ratio, math.nan, math.nan)
    return Claim(text, needed, measured, seeds, ratio >= node["least"])


_WORDS = {
    "least": "at least {:g}",
    "most": "at most {:g}",
    "above": "the whole interval above {:g}",
    "below": "the whole interval below {:g}",
    "tie": "a tie within ±{:g}",
}


def _ties(outcomes: Outcomes, cell: str, arm: str, other: str | None, margin: float) -> bool:
    assert other is not None, "checked"
    return difference(outcomes, cell, arm, other, margin / 100).equivalence.shown


def _check_ratio(study: Study, node: Mapping[str, Any]) -> None:
    name = f"claim '{node.get('claim', node)}'"
    if wrong := set(node) ^ RATIO_KEYS:
        raise InvalidSetting(f"{name}: needs {', '.join(sorted(RATIO_KEYS))}; wrong is {wrong}")
    if node["cost"] not in COSTS:
        raise InvalidSetting(f"{name}: cost={node['cost']} is none of {', '.join(COSTS)}")
    for arm in (node["arm"], *node["over"]):
        if arm not in study.arms:
            raise InvalidSetting(f"{name}: the study has no arm {arm}")


def _check(study: Study, node: Mapping[str, Any]) -> None:
    name = f"claim '{node.get('claim', node)}'"
    if unknown := set(node) - KEYS:
        raise InvalidSetting(f"{name}: unknown {', '.join(sorted(unknown))}; known are {KEYS}")
    if missing := {"claim", "cell", "arm"} - set(node):
        raise InvalidSetting(f"{name} has no {', '.join(sorted(missing))}")
    if not set(LIMITS) & set(node):
        raise InvalidSetting(f"{name} has no limit; give one of {', '.join(LIMITS)}")
    if "tie" in node and ("minus" not in node or "of" in node):
        raise InvalidSetting(f"{name}: a tie is of two arms in test accuracy")
    for arm in (node["arm"], node.get("minus", node["arm"])):
        if (node["cell"], arm) not in study.pairs:
            raise InvalidSetting(f"{name}: the study has no {arm} in {node['cell']}")
