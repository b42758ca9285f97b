"""The evidence behind the headline: paired differences with their intervals."""

from collections.abc import Mapping, Sequence

from triptych.report.chart import Axis, Chart, Interval, Mark, Pane, Upright
from triptych.report.headline import Comparison
from triptych.report.palette import Style


def differences(comparisons: Sequence[Comparison], styles: Mapping[str, Style]) -> Chart | None:
    """One row per comparison that has an interval; None if there is none."""
    judged = [comparison for comparison in comparisons if comparison.paired.n > 1]
    if not judged:
        return None
    marks: list[Mark] = [_interval(comparison, styles) for comparison in reversed(judged)]
    margin = 100 * judged[0].equivalence.margin
    marks += [Upright("0", 0.0), Upright(f"−{margin:g}", -margin), Upright(f"+{margin:g}", margin)]
    x = Axis("difference in test accuracy [points]")
    pane = Pane("Paired differences", x, Axis("", "category"), marks)
    counts = sorted({comparison.paired.n for comparison in judged})
    caption = (
        "Mean difference in test accuracy, paired by seed, with its 95 % interval; 0 is no "
        f"difference and the outer lines bound a tie; from {' or '.join(map(str, counts))} paired "
        "seeds a row."
    )
    return Chart("differences", "Who is ahead?", caption, (pane,))


def _interval(comparison: Comparison, styles: Mapping[str, Style]) -> Interval:
    row = f"{comparison.first} − {comparison.second}"
    low, mean, high = (
        100 * value
        for value in (comparison.paired.low, comparison.paired.mean, comparison.paired.high)
    )
    return Interval(row, styles[comparison.first], row, mean, low, high)
