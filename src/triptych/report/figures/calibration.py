"""Whether a stated confidence is the accuracy that it promises."""

from collections.abc import Mapping, Sequence

import numpy as np

from triptych.report.chart import Axis, Chart, Line, Mark, Pane, Rule
from triptych.report.figures.provenance import source
from triptych.report.palette import Style
from triptych.report.runs import Run, Runs

# The accuracy of a bin with fewer samples is noise.
FEWEST = 5


def calibration(runs: Runs, styles: Mapping[str, Style]) -> Chart | None:
    """A reliability diagram and the confidences behind it; None if no bin is full enough."""
    counted = [run for run in runs.finished if run.result.tables.get("calibration")]
    reliability: list[Mark] = []
    spread: list[Mark] = []
    for name in dict.fromkeys(run.setting for run in counted):
        count, confidence, accuracy = pooled([run for run in counted if run.setting == name])
        full = count >= FEWEST
        if full.any():
            x, y = (100 * confidence[full]).tolist(), (100 * accuracy[full]).tolist()
            reliability.append(Line(name, styles[name], x, y))
            middles = (100 * (np.arange(len(count)) + 0.5) / len(count)).tolist()
            spread.append(Line(name, styles[name], middles, (100 * count / count.sum()).tolist()))
    if not reliability:
        return None
    reliability.append(Rule("perfectly calibrated", (0.0, 100.0), (0.0, 100.0)))
    x = Axis("confidence [%]", limits=(0.0, 102.0))
    panes = (
        Pane("Reliability", x, Axis("accuracy [%]", limits=(0.0, 102.0)), reliability),
        Pane("Confidences", x, Axis("share of samples [%]"), spread),
    )
    caption = (
        "Accuracy within bins of equal confidence on the test set, all seeds pooled: below the "
        f"dashed line a model is too sure of itself (bins with fewer than {FEWEST} samples are "
        f"left out); from {source(counted)}."
    )
    return Chart("calibration", "Calibration", caption, panes)


def pooled(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, mean confidence and accuracy per bin over all samples of these runs (NaN = empty)."""
    tables = [run.result.tables["calibration"] for run in runs]
    count, confidence, accuracy = (
        np.array([table[key] for table in tables], dtype=float)
        for key in ("count", "confidence", "accuracy")
    )
    total = count.sum(axis=0)
    filled = np.where(total > 0, total, np.nan)
    sums = (np.where(count > 0, count * part, 0.0).sum(axis=0) for part in (confidence, accuracy))
    mean_confidence, mean_accuracy = (part / filled for part in sums)
    return total, mean_confidence, mean_accuracy
