"""What is read off a configuration is what the data themselves say."""

import pytest
import yaml

from triptych.report.advice.rows import is_control
from triptych.report.advice.task import data_name, task_of
from triptych.result import Result
from triptych.run.build import build_data

from ...composed import CONF, composed

FILES = sorted((CONF / "data").glob("*.yaml"))
DATA = [file.stem for file in FILES if "path" not in yaml.safe_load(file.read_text())]
ROUTERS = sorted(file.stem for file in (CONF / "model" / "router").glob("*.yaml"))


@pytest.mark.parametrize("name", DATA)
def test_features_classes_and_rules_are_those_of_the_data(name):
    config = composed(f"data={name}")
    data = build_data(config)
    result = Result("finished", "ffn-s0", "ffn", 0, config=config)
    result.tables = {"classes": data.classes}
    task = task_of(result)
    assert (task.samples, task.features) == (config["data"]["n_train"], data.in_dim)
    assert task.classes == len(data.classes)
    # Where the class is the family, a family has no rule of its own.
    families = None if data.classes == data.families else len(data.families)
    assert task.rules == families


def test_nothing_is_known_of_data_that_are_not_ours():
    config = {"data": {"_target_": "mine.Data", "n_train": 50}}
    result = Result("finished", "ffn-s0", "ffn", 0, config=config)
    assert task_of(result).known == {"samples": 50}
    assert data_name(result) == "Data"


@pytest.mark.parametrize("name", ROUTERS)
def test_only_routers_that_know_the_answer_or_learn_nothing_are_controls(name):
    file = CONF / "model" / "router" / f"{name}.yaml"
    config = {"model": {"router": yaml.safe_load(file.read_text())}}
    result = Result("finished", "moe-s0", "moe", 0, config=config)
    assert is_control(result) is (name in {"oracle", "random", "hash"})
