"""What must be said of runs whose training ended before its last epoch."""

from collections.abc import Sequence

from triptych.report.runs import Run, Runs


def early_caveats(runs: Runs) -> tuple[str, ...]:
    """Sentences about settings with runs that were given up, and with runs that had enough."""
    given_up, enough = [], []
    for setting in runs.settings:
        of = runs.of(setting)
        cut = [run for run in of if run.is_cut_short]
        early = [run for run in of if run.result.ended_early and not run.is_cut_short]
        given_up += [_told(setting, cut, len(of))] if cut else []
        enough += [_told(setting, early, len(of))] if early else []
    sentences = []
    if given_up:
        sentences.append(
            f"In no comparison, as training was given up below a threshold: {'; '.join(given_up)}."
            " Their figures are those of runs with less training than others."
        )
    if enough:
        sentences.append(
            "Compared as they are, though training ended without further progress before its last"
            f" epoch: {'; '.join(enough)}."
        )
    return tuple(sentences)


def _told(setting: str, early: Sequence[Run], of: int) -> str:
    epochs = sorted({run.result.epochs for run in early})
    span = " to ".join(str(epoch) for epoch in dict.fromkeys((epochs[0], epochs[-1])))
    unit = "epoch" if span == "1" else "epochs"
    return f"{setting} ({len(early)} of {of} run{'' if of == 1 else 's'}, after {span} {unit})"
