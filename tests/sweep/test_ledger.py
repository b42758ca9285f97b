import csv
from pathlib import Path

from triptych.report import read_records
from triptych.result import Result, write
from triptych.sweep.ledger import COLUMNS, write_ledger


def test_the_ledger_has_a_row_for_each_job_in_their_order(tmp_path: Path) -> None:
    trace = "\n".join(f"line {i}" for i in range(20))
    error = {"type": "X", "message": 'a, "b"', "traceback": trace}
    command = "python train.py seed=10"
    write(Result("failed", "ffn-s10", "ffn", 10, command=command, error=error), tmp_path / "10")
    early = {"rule": "threshold", "reason": "below"}
    done = Result("finished", "ffn-s2", "ffn", 2, seconds={"total": 1.26}, ended_early=early)
    write(done, tmp_path / "2")
    write(Result("running", "ffn-s3", "ffn", 3), tmp_path / "3")
    (tmp_path / "4").mkdir()
    (tmp_path / "4" / "result.json").write_text("{half")
    with write_ledger(tmp_path, *read_records([tmp_path])).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == ["2", "3", "4", "10"]
    assert [row["status"] for row in rows] == ["finished", "running", "unreadable", "failed"]
    assert rows[0]["seconds"] == "1.3"
    assert [row["ended_early"] for row in rows] == ["below", "", "", ""]
    values = ["10", "failed", "", "ffn-s10", "", "X", 'a, "b"', "", command]
    last = dict(zip(COLUMNS, values, strict=True))
    assert rows[3] == last | {"last_lines": "\n".join(f"line {i}" for i in range(15, 20))}
    assert rows[2]["message"].startswith("not a result of a run")
