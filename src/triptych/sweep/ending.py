"""The end of a sweep, whatever ended it: table, page, ledger, and an account of all jobs."""

from collections import Counter
from pathlib import Path

from triptych import result as results
from triptych import study
from triptych.sweep.note import read_note


def finish(folder: Path) -> int:
    """Prints and writes the table and the page of a sweep, and its ledger.

    Returns:
        The number of jobs that did not end as they should.
    """
    note = read_note(folder)
    assert note is not None, "written when the sweep started"
    if not any(folder.rglob(results.FILE)):
        return note.jobs
    # Only here: a typing error should not wait for pandas and matplotlib.
    from triptych.report import build_report, print_report, read_records
    from triptych.report.study import build_study_report, print_study_report
    from triptych.sweep.ledger import write_ledger

    if study.read(folder) is None:
        print_report(build_report([folder], Path(note.report)))
    else:
        print_study_report(build_study_report(folder, Path(note.report)))
    runs, unreadable = read_records([folder])
    write_ledger(folder, runs, unreadable)
    states = Counter(result.status for _, result in runs)
    missing = note.jobs - len(runs) - len(unreadable)
    counts = {
        "done": states["finished"],
        "failed": states["failed"] + states["running"] + len(unreadable),
        "interrupted": states["interrupted"],
        "skipped": states["skipped"],
        "not started": missing,
    }
    undone = counts["failed"] + counts["interrupted"] + missing
    if undone:
        for run, result in runs:
            if result.status not in ("finished", "skipped"):
                print(f"{result.status}: {result.command}    # job {run.name}")
        if not note.is_search:
            print(f"go on with: python train.py sweep.resume={folder}")
    shown = [f"{n} {word}" for word, n in counts.items() if n or word == "done"]
    if early := sum(1 for _, result in runs if result.ended_early):
        shown.insert(1, f"{early} of them ended early")
    print(", ".join(shown))
    return undone
