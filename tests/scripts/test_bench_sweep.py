import os
import runpy
from pathlib import Path

import pytest

from triptych.result import Result, write

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_what_a_job_costs_is_the_time_since_the_one_before_without_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    overheads = runpy.run_path(str(SCRIPTS / "bench_sweep.py"))["overheads"]
    for job, (end, fit) in enumerate([(100.0, 50.0), (103.0, 1.5), (110.0, 6.0)]):
        result = Result("finished", "ffn-s0", "ffn", 0, seconds={"fit": fit, "test": 0.5})
        os.utime(write(result, tmp_path / str(job)), (end, end))
    assert overheads(tmp_path, 3) == pytest.approx([1.0, 0.5])
