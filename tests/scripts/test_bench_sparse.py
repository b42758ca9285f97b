import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_sparse.py"


@pytest.mark.slow
def test_the_quick_benchmark_of_sparse_kernels_has_every_kernel_and_every_goal(tmp_path):
    out = tmp_path / "sparse.json"
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300
    )
    report = json.loads(out.read_text())
    assert (report["schema"], report["name"]) == (2, "sparse")
    kernels = {row["baseline"] for row in report["rows"] if row["subject"] == "dense"}
    kernels -= {"sparseprop"}  # where it is installed
    assert kernels == {"masked", "csr", "block 32", "block 8", "torch csr", "scipy csr"}
    goals = sorted(row["goal"] for row in report["rows"] if row["goal"] is not None)
    timed = [1.0, 1.0, 1.7, 1.7, 1.9, 2.5, 2.5, 3.4, 3.8, 3.9, 5.0, 6.8, 8.0, 10.0, 11.0]
    assert not any(row["goal"] for row in report["rows"] if "2 threads" in row["case"])
    assert any("2 threads" in row["case"] for row in report["rows"])
    assert goals == [0.06, 0.06, *timed]
    for row in report["rows"]:
        assert 0 < row["low"] <= row["ratio"] <= row["high"] < math.inf
