"""Times what a sweep costs a job beside its training and test: settings, objects, loggers, files.

Runs one sweep of tiny jobs in one process, as a user would. What a job costs is the time from the
end of the job before it to its own end, without the seconds that it trained and tested; the first
job, which also imports everything, is left out. The baseline is one second.

Usage: python scripts/bench_sweep.py [--quick] [--out FILE.json]
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from bench_format import Row, arguments, median_interval, publish

from triptych.result import FILE, read

ROOT = Path(__file__).parents[1]
SECONDS_A_JOB = 1.5
LOGGERS = {"metrics.csv": "csv", "metrics.csv and W&B, offline": "many"}
PANELS = ("ffn", "sparse", "moe")


def overheads(folder: Path, jobs: int) -> list[float]:
    """Seconds beside training and test, of each job of a sweep but the first."""
    records = [folder / str(job) / FILE for job in range(jobs)]
    ends = [record.stat().st_mtime for record in records]
    work = [sum(read(record).seconds[part] for part in ("fit", "test")) for record in records]
    return [end - before - did for (before, end), did in zip(pairwise(ends), work[1:], strict=True)]


def sweep(jobs: int, logger: str, variables: Mapping[str, str]) -> list[float]:
    """Runs one of all panels, `jobs` in all."""
    seeds = f"seed=range({jobs // len(PANELS)})"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "sweep")
        command = [sys.executable, str(ROOT / "train.py"), "-m", seeds, f"model={','.join(PANELS)}"]
        command += ["debug=fast", f"logger={logger}", f"hydra.sweep.dir={folder}"]
        subprocess.run(command, cwd=place, env=variables, check=True, capture_output=True)
        return overheads(folder, jobs)


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    jobs = 9 if options.quick else 51
    variables = os.environ | {"WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
    rows = []
    for shown, logger in LOGGERS.items():
        ratio, low, high = median_interval(sweep(jobs, logger, variables))
        case = f"a job of a sweep, {shown}"
        rows.append(
            Row(case, "beside training and test", "one second", ratio, low, high, SECONDS_A_JOB)
        )
    publish("sweep", rows, options.out, [f"Sweeps of {jobs} jobs."])


if __name__ == "__main__":
    main()
