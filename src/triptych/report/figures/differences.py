"""The evidence behind the headline: paired differences with their intervals."""

from collections.abc import Mapping, Sequence

from triptych.report.chart import Axis, Chart, Interval, Mark, Pane, Upright
from triptych.report.comparison import Comparison
from triptych.report.palette import Style


def differences(comparisons: Sequence[Comparison], styles: Mapping[str, Style]) -> Chart | None:
    """One row per comparison that has an interval; None if there is none."""
    judged = [comparison for comparison in comparisons if comparison.paired.sd > 0]
    if not judged:
        return None
    leaders = {comparison.first for comparison in judged}
    title = f"{judged[0].first} minus" if len(leaders) == 1 else ""
    marks: list[Mark] = [_interval(c, styles, len(leaders)) for c in reversed(judged)]
    margin = 100 * judged[0].equivalence.margin
    marks += [Upright("", place) for place in (-margin, 0.0, margin)]
    x = Axis("difference in test accuracy [points]")
    pane = Pane(title, x, Axis("", "category"), marks)
    counts = " or ".join(map(str, sorted({comparison.paired.n for comparison in judged})))
    caption = (
        "Mean difference in test accuracy, paired by seed, with its 95 % interval; the "
        f"outer dashed lines, ±{margin:g} points, bound a tie; from {counts} paired seeds "
        "a row."
    )
    return Chart("differences", "Who is ahead?", caption, (pane,))


def _interval(comparison: Comparison, styles: Mapping[str, Style], leaders: int) -> Interval:
    """One row; a leader that all rows share is named once, above them."""
    first = f"{comparison.first} minus " if leaders > 1 else ""
    row = f"{first}{comparison.second}"
    low, mean, high = (
        100 * value
        for value in (comparison.paired.low, comparison.paired.mean, comparison.paired.high)
    )
    return Interval(row, styles[comparison.first], row, mean, low, high)
