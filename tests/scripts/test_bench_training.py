import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench_training.py"


@pytest.mark.slow
def test_the_quick_benchmark_of_training_writes_a_row_for_each_net(tmp_path):
    out = tmp_path / "training.json"
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=900
    )
    report = json.loads(out.read_text())
    assert (report["schema"], report["name"]) == (2, "training")
    nets = [row["case"].split(",")[0] for row in report["rows"]]
    fits = ["notebook ffn", "notebook moe", "residual ffn", "residual moe"]
    assert nets == [*fits, *fits, "residual sparse", "the source's own job"]
    assert [row["goal"] for row in report["rows"]] == [1.1] * 4 + [None] * 5 + [0.5]
    assert "Validation accuracy" in report["notes"][0]
    for row in report["rows"]:
        assert 0 < row["low"] <= row["ratio"] <= row["high"] < math.inf
    # Runs are written to folders that live as long as a fit, never to where one stands.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training.json", "training.md"]


@pytest.mark.slow
def test_the_source_s_own_job_learns_its_task(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT.with_name("source_study.py")), "3"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    names, accuracies = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert names == ("dense", "moe")
    assert all(float(accuracy) > 0.85 for accuracy in accuracies)
