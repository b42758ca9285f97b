import runpy
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_a_curve_is_repeated_at_later_steps_with_its_test_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    repeated = runpy.run_path(str(SCRIPTS / "bench_dashboard.py"))["repeated"]
    text = "step,epoch,val/acc,test/acc\n15,0,.5,\n31,1,.6,\n32,2,,.7\n"
    assert repeated(text, 3).splitlines() == [
        "step,epoch,val/acc,test/acc",
        "15,0,.5,",
        "31,1,.6,",
        "47,2,.5,",
        "48,3,,.7",
    ]
