import importlib
import os
from pathlib import Path
from subprocess import CalledProcessError

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
SRC = SCRIPTS.parent / "src"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("bench_startup")


@pytest.fixture
def variables():
    path = os.pathsep.join([str(SRC), str(SCRIPTS)])
    return os.environ | {"WANDB_MODE": "offline", "PYTHONPATH": path}


def test_each_case_has_a_wall_time_with_a_goal_and_a_cpu_time_that_informs(bench):
    taken = [bench.Taken(wall, cpu) for wall, cpu in zip(range(1, 8), range(8, 15), strict=True)]
    wall, cpu = bench.rows("a case", taken, goal=4.0)
    assert (wall.subject, wall.ratio, wall.goal) == ("wall time", 4, 4.0)
    assert (cpu.subject, cpu.ratio, cpu.goal) == ("CPU time", 11, None)


@pytest.mark.slow
def test_a_first_step_takes_the_wall_and_cpu_seconds_of_a_whole_start(bench, variables):
    taken = bench.first_step("ffn", variables)
    assert taken.wall > 0.5  # torch alone takes longer
    assert taken.cpu > 0.5


@pytest.mark.slow
def test_a_command_that_fails_is_no_measurement(bench, variables):
    with pytest.raises(CalledProcessError):
        bench.shown(["--no-such-option"], variables)
    with pytest.raises(CalledProcessError):
        bench.first_step("no_such_panel", variables)
