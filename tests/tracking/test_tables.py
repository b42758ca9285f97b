import shutil
from pathlib import Path

import pytest

from triptych.errors import FolderVanished, InvalidSetting
from triptych.evaluations import Evaluation, read
from triptych.tracking import TablesLogger

ONE = Evaluation("val", 3, {"routing": [{"layer": "block_0", "load": [1, 2]}]})


def test_what_was_logged_is_read_back_across_two_processes_of_a_run(tmp_path: Path) -> None:
    TablesLogger(tmp_path / "run").log_tables(ONE)
    again = TablesLogger(tmp_path / "run")
    again.log_metrics({"val/acc": 0.5}, 3)
    again.log_tables(Evaluation("val", 7, {}))
    assert read(tmp_path / "run") == [ONE, Evaluation("val", 7, {})]


def test_a_folder_that_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match=r"^logger\.tables\.folder=.*choose another folder$"):
        TablesLogger(tmp_path / "file" / "run")


def test_a_folder_that_is_removed_is_told(tmp_path: Path) -> None:
    logger = TablesLogger(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(FolderVanished):
        logger.log_tables(ONE)
