from pathlib import Path

import pandas as pd

from triptych.evaluations import FILE, Evaluation
from triptych.tracking import CsvLogger, Deferred, TablesLogger

from . import tiny
from .test_flat import TABLES


def handed_over(waiting: Deferred) -> None:
    waiting.hand_over()
    waiting.logger.finalize("success")


def test_a_logger_that_waited_has_what_one_has_that_did_not(tmp_path: Path) -> None:
    waiting = Deferred(CsvLogger(tmp_path / "later"))
    tiny.fit([CsvLogger(tmp_path / "now"), waiting])
    assert not (tmp_path / "later" / "metrics.csv").exists()
    handed_over(waiting)
    now, later = (pd.read_csv(tmp_path / name / "metrics.csv") for name in ("now", "later"))
    pd.testing.assert_frame_equal(now, later)
    assert len(now) == len(tiny.VALIDATION_STEPS)


def test_numbers_are_kept_as_they_were(tmp_path: Path) -> None:
    waiting = Deferred(CsvLogger(tmp_path))
    metrics = {"val/acc": 0.5}
    waiting.log_metrics(metrics, 3)
    metrics["val/acc"] = 0.75
    waiting.log_metrics(metrics, 4)
    handed_over(waiting)
    assert list(pd.read_csv(tmp_path / "metrics.csv")["val/acc"]) == [0.5, 0.75]


def test_nothing_is_handed_over_twice(tmp_path: Path) -> None:
    waiting = Deferred(TablesLogger(tmp_path))
    for step in (3, 7):
        waiting.log_tables(Evaluation("val", step, TABLES))
    waiting.hand_over()
    waiting.hand_over()
    assert len((tmp_path / FILE).read_text().splitlines()) == 2


def test_tables_are_for_loggers_that_take_them(tmp_path: Path) -> None:
    waiting = Deferred(CsvLogger(tmp_path))
    waiting.log_tables(Evaluation("val", 3, TABLES))
    handed_over(waiting)
    assert not list(tmp_path.iterdir())


def test_it_goes_by_the_name_of_its_logger(tmp_path: Path) -> None:
    logger = CsvLogger(tmp_path)
    assert (Deferred(logger).name, Deferred(logger).version) == (logger.name, logger.version)
