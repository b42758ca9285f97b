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
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300
    )
    report = json.loads(out.read_text())
    assert (report["schema"], report["name"]) == (2, "training")
    nets = [row["case"].split(",")[0] for row in report["rows"]]
    assert nets == [
        "notebook ffn",
        "notebook moe",
        "residual ffn",
        "residual sparse",
        "residual moe",
    ]
    assert [row["goal"] for row in report["rows"]] == [1.6, None, None, None, None]
    for row in report["rows"]:
        assert 0 < row["low"] <= row["ratio"] <= row["high"] < math.inf
    # Runs are written to folders that live as long as a fit, never to where one stands.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training.json", "training.md"]
