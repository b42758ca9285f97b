import subprocess
import sys

import pytest
from hydra.types import RunMode

from triptych.resolvers import sweep_folder, sweep_group


@pytest.mark.parametrize(("mode", "name"), [(RunMode.MULTIRUN, "12-30"), (RunMode.RUN, None)])
def test_only_the_jobs_of_a_sweep_share_a_group(mode: RunMode, name: str | None) -> None:
    assert sweep_group(mode, "logs/sweeps/12-30") == name


def test_a_sweep_that_goes_on_stays_in_its_folder() -> None:
    assert sweep_folder(None, "new") == "new"
    assert sweep_folder("old", "new") == "old"


def test_the_module_does_not_load_torch() -> None:
    code = "import sys, triptych.resolvers; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
