from pathlib import Path

import pytest
from lightning.pytorch.profilers import PassThroughProfiler, SimpleProfiler

from triptych.run.build import build_trainer
from triptych.training import Unprofiled

from ..composed import composed
from .tiny import fit


def test_every_action_runs_in_one_and_the_same_context() -> None:
    profiler = Unprofiled()
    with profiler.profile("outer") as nothing, profiler.profile("inner"):
        assert nothing is None
    assert profiler.profile("outer") is profiler.profile("inner")


def test_an_error_inside_an_action_comes_out() -> None:
    with pytest.raises(ZeroDivisionError), Unprofiled().profile("action"):
        _ = 1 / 0


def test_a_fit_without_profiling_logs_what_a_fit_with_lightnings_own_logs() -> None:
    ours = fit(profiler=Unprofiled())[2].callback_metrics
    theirs = fit(profiler=PassThroughProfiler())[2].callback_metrics
    assert ours == theirs


def test_runs_are_not_profiled_unless_asked(tmp_path: Path) -> None:
    profilers = [
        build_trainer(composed(*overrides), [], [], str(tmp_path)).profiler
        for overrides in ((), ("trainer.profiler=simple",))
    ]
    assert [type(profiler) for profiler in profilers] == [Unprofiled, SimpleProfiler]
