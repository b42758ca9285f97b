"""The answer of a study in words: where each arm is ahead of a baseline, and by how much."""

from collections.abc import Sequence

from triptych.report.comparison import points
from triptych.report.study.claims import Claim
from triptych.report.study.differences import Difference, Verdict
from triptych.report.study.outcomes import Outcomes

_WORDS: dict[Verdict, str] = {
    "ahead": "ahead of {} in",
    "behind": "behind {} in",
    "tie": "a tie with {} in",
    "not shown": "no difference to {} shown in",
    "too few seeds": "too few seeds in common with {} in",
}


def answers(found: Sequence[Difference]) -> list[str]:
    """One sentence for each arm and baseline, with mean differences in points of test accuracy."""
    said: list[str] = []
    for arm, baseline in dict.fromkeys((one.first, one.second) for one in found):
        mine = [one for one in found if (one.first, one.second) == (arm, baseline)]
        parts = [
            f"{words.format(baseline)} {_listed([d for d in mine if d.verdict == verdict])}"
            for verdict, words in _WORDS.items()
            if any(one.verdict == verdict for one in mine)
        ]
        said.append(f"{arm}: {'; '.join(parts)}.")
    return said


def against_ceilings(outcomes: Outcomes) -> str:
    """Whether any arm exceeds what can be known, which would be a fault of the measurement; empty
    where nothing is known of the data."""
    if not outcomes.ceilings:
        return ""
    beyond = [
        f"{arm} in {cell} ({ceiling.text})"
        for cell, ceiling in outcomes.ceilings.items()
        for arm in outcomes.arms(cell)
        if ceiling.is_exceeded(list(outcomes.scores(cell, arm).values()))
    ]
    if not beyond:
        return "Nobody exceeds what can be known of these data."
    return f"ABOVE what can be known, so something is wrong: {', '.join(beyond)}."


def rates_at_ends(outcomes: Outcomes) -> str:
    """Which arms might do better with a learning rate that was not tried; empty for none."""
    at_ends = [
        f"{arm} in {cell} ({rate:g})"
        for cell, arm in outcomes.study.pairs
        if (rate := outcomes.rate(cell, arm)) is not None
        and len(tried := outcomes.tried(cell, arm)) > 1
        and rate in (tried[0], tried[-1])
    ]
    if not at_ends:
        return ""
    listed = ", ".join(at_ends)
    return f"The best learning rate that was tried is the lowest or the highest one for {listed}."


def expectations(claims: Sequence[Claim]) -> str:
    """How many of them hold; empty without any."""
    if not claims:
        return ""
    kinds = {True: "confirmed", False: "not confirmed", None: "not measured"}
    counts = {word: sum(claim.holds is kind for claim in claims) for kind, word in kinds.items()}
    listed = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"Expectations written down before the first run: {listed}."


def _listed(found: Sequence[Difference]) -> str:
    return ", ".join(
        one.cell if one.paired.n == 0 else f"{one.cell} ({_signed(one.paired.mean)})"
        for one in found
    )


def _signed(share: float) -> str:
    text = points(share)
    return text if text.startswith("-") or text == "0.00" else f"+{text}"
