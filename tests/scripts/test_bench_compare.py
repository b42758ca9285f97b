import importlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("bench_compare")


@pytest.fixture
def row(bench):
    def made(low, high, case="a case", goal=None, better="lower"):
        return bench.Row(case, "ours", "theirs", (low + high) / 2, low, high, goal, better)

    return made


@pytest.mark.parametrize(
    ("fresh", "committed", "better", "word"),
    [
        ((1.0, 2.0), (2.0, 3.0), "lower", "same"),  # they touch
        ((1.0, 5.0), (2.0, 3.0), "lower", "same"),
        ((1.0, 1.9), (2.0, 3.0), "lower", "better"),
        ((1.0, 1.9), (2.0, 3.0), "higher", "worse"),
        ((3.1, 4.0), (2.0, 3.0), "lower", "worse"),
        ((3.1, 4.0), (2.0, 3.0), "higher", "better"),
    ],
)
def test_a_row_moves_only_if_the_intervals_are_apart(bench, row, fresh, committed, better, word):
    assert bench.change(row(*fresh, better=better), row(*committed, better=better)) == word


def test_rows_are_matched_by_case_subject_and_baseline(bench, row):
    both, new, old = row(1, 2), row(1, 2, case="quick"), row(1, 2, case="long")
    found = bench.compared([both, new], [old, both])
    assert found == bench.Comparison([(both, both)], [new], [old])
    assert found.moved == []


def test_a_goal_is_missed_where_no_part_of_the_interval_reaches_it(bench, row):
    met, within, missed = row(0, 1, "1", 1.0), row(0, 2, "2", 1.0), row(1.1, 2, "3", 1.0)
    every = [met, within, missed]
    assert bench.compared(every, every).missed == [missed]
    assert bench.compared(every, []).missed == []  # of another size


def test_the_lines_say_what_moved_where_and_which_goals_are_missed(bench, row):
    fresh = [row(3, 4, goal=2.0), row(1, 2, case="quick")]
    lines = bench.report("moe", bench.compared(fresh, [row(1, 2)]))
    assert lines == [
        "moe: 1 rows compared: 0 better, 1 worse, 0 same",
        "  worse  a case | ours / theirs: 1.5 (1 to 2) -> 3.5 (3 to 4)",
        "  missed a case | ours / theirs: 3.5 (3 to 4), goal <= 2",
        "  not compared, of another size, or in one run only: 1 rows here, 0 committed",
    ]


def test_the_exit_code_tells_of_it_only_when_asked(bench, row, tmp_path, capsys):
    for name, found in (("fresh", row(3, 4)), ("committed", row(1, 2))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "moe.json").write_text(json.dumps({"rows": [asdict(found)]}))
    typed = [str(tmp_path / "fresh"), "--against", str(tmp_path / "committed")]
    assert bench.main(typed) == 0
    assert bench.main([*typed, "--strict"]) == 1
    assert bench.main([str(tmp_path / "committed"), *typed[1:], "--strict"]) == 0
    assert "1 worse" in capsys.readouterr().out


def test_every_committed_benchmark_is_the_same_as_itself(bench, capsys):
    assert bench.main([str(ROOT / "benchmarks")]) == 0
    out = capsys.readouterr().out
    assert "rows compared: 0 better, 0 worse" in out
    assert "not compared" not in out
