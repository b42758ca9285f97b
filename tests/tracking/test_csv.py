import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.fabric.utilities.rank_zero import rank_zero_only

from triptych.errors import InvalidSetting
from triptych.tracking import CsvLogger

from . import tiny

Numbers = Mapping[str, float]
printable = st.characters(codec="utf-8", exclude_categories=["C"])
names = st.text(printable, max_size=6).filter(lambda name: name != "step")
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
metrics = st.dictionaries(names, numbers, max_size=4)
stages = st.lists(st.lists(st.tuples(st.integers(0, 4), metrics), max_size=6), max_size=3)


def table(folder: Path) -> list[list[str]]:
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as source:
        return list(csv.reader(source))


def by_step(folder: Path) -> dict[int, dict[str, float]]:
    header, *lines = table(folder)
    cells = {int(line[0]): dict(zip(header[1:], line[1:], strict=True)) for line in lines}
    assert len(cells) == len(lines), "a step has two rows"
    return {
        step: {name: float(value) for name, value in row.items() if value}
        for step, row in cells.items()
    }


@given(stages=stages, every_s=st.sampled_from([0.0, 60.0]))
def test_every_value_stands_once_in_the_row_of_its_step_and_the_newest_wins(
    stages: list[list[tuple[int, Numbers]]], every_s: float
) -> None:
    expected: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for stage in stages:  # each stage is a process that goes on where the last one stopped
            logger = CsvLogger(folder, every_s)
            for step, values in stage:
                logger.log_metrics(values, step)
                logger.save()
                expected.setdefault(step, {}).update(values)
            logger.finalize("failed")
        if expected:
            assert by_step(Path(folder)) == expected
            header, *lines = table(Path(folder))
            assert header[:2] == ["step", "epoch"]
            assert header[2:] == sorted(header[2:])
            assert [int(line[0]) for line in lines] == sorted(expected)


def test_training_and_validation_of_an_epoch_share_a_row_and_the_test_has_its_own(
    tmp_path: Path, no_account: Path
) -> None:
    runner = tiny.fit([CsvLogger(tmp_path)])
    runner.test(runner.lightning_module, tiny.rows(4), verbose=False)
    assert table(tmp_path)[0] == ["step", "epoch", "test/acc", "train/loss", "val/acc", "val/loss"]
    rows = by_step(tmp_path)
    assert list(rows) == [*tiny.VALIDATION_STEPS, tiny.TEST_STEP]
    for epoch, step in enumerate(tiny.VALIDATION_STEPS):
        assert set(rows[step]) == {"epoch", "train/loss", "val/acc", "val/loss"}
        assert (rows[step]["epoch"], rows[step]["val/acc"]) == (epoch, 1.0 - 0.25 * epoch)
    assert rows[tiny.TEST_STEP] == {"epoch": 2, "test/acc": 0.5}


def test_a_failed_training_leaves_the_rows_it_had(tmp_path: Path, no_account: Path) -> None:
    with pytest.raises(ArithmeticError, match="planned"):
        tiny.fit([CsvLogger(tmp_path, every_s=60)], fails=True)
    assert list(by_step(tmp_path)) == [tiny.VALIDATION_STEPS[0]]


def test_writes_are_at_least_the_interval_apart_and_the_end_writes_all(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path, every_s=60)
    for step in range(3):
        logger.log_metrics({"a": step}, step)
        logger.save()
    assert list(by_step(tmp_path)) == [0]
    logger.finalize("success")
    assert list(by_step(tmp_path)) == [0, 1, 2]


def test_a_value_without_a_step_joins_the_latest_row(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path)
    logger.log_metrics({"a": 1}, 5)
    logger.log_metrics({"b": torch.tensor(2)})
    logger.finalize("success")
    assert table(tmp_path) == [["step", "epoch", "a", "b"], ["5", "", "1", "2"]]


def test_what_is_on_disk_is_not_written_again_over_newer_values(tmp_path: Path) -> None:
    parent, forked = CsvLogger(tmp_path), CsvLogger(tmp_path)
    for logger, value in ((parent, 1), (forked, 2)):
        logger.log_metrics({"a": value}, 0)
        logger.finalize("success")
    parent.finalize("success")
    assert by_step(tmp_path) == {0: {"a": 2}}


def test_nan_is_a_value_and_no_blank(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path)
    logger.log_metrics({"loss": float("nan"), "peak": float("inf")}, 0)
    logger.finalize("success")
    assert table(tmp_path)[1] == ["0", "", "nan", "inf"]


def test_another_rank_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    logger = CsvLogger(tmp_path / "run", every_s=0)
    logger.log_metrics({"a": 1.0}, 0)
    logger.log_hyperparams({"seed": 0})
    logger.save()
    logger.finalize("success")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match=r"^logger\.csv\.folder=.*file.*choose another.*$"):
        CsvLogger(tmp_path / "file")


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "step,a\nx,2\n"])
def test_a_foreign_table_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(InvalidSetting, match="no table of steps"):
        CsvLogger(tmp_path)
    assert (tmp_path / "metrics.csv").read_text() == text


WRITER = """
import sys
from triptych.tracking import CsvLogger
logger = CsvLogger(sys.argv[1], every_s=0)
for step in range(10**9):
    logger.log_metrics({f"metric_{i}": step + i for i in range(40)}, step % 300)
    logger.save()
"""


@pytest.mark.slow
def test_a_reader_sees_a_whole_table_at_any_moment_and_after_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], env=dict(os.environ))
    try:
        deadline = time.monotonic() + 120
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        for _ in range(300):
            assert_whole(file)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert_whole(file)
    assert CsvLogger(tmp_path).save_dir == str(tmp_path)  # a resumed run accepts it


def assert_whole(file: Path) -> None:
    text = file.read_text()
    header, *lines = text.splitlines()
    assert text.endswith("\n")
    assert header.count(",") == 41
    for number, line in enumerate(lines):
        step, _, *values = line.split(",")
        first = int(values[0])  # metric_0; the columns are sorted as text
        assert int(step) == number == first % 300
        assert sorted(map(int, values)) == list(range(first, first + 40))
