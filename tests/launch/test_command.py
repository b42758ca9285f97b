"""What is set before a job begins."""

import os
import subprocess
import sys

import pytest

ASK = """
import os, sys
from triptych.launch import command
job = lambda: print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules)
raise SystemExit(command(job))
"""


@pytest.mark.parametrize(("said", "found"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_threads_that_wait_spin_briefly_unless_somebody_said_otherwise(said, found):
    others = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=others | said, check=True, capture_output=True, text=True
    )
    # libgomp reads the variable when torch is imported, which must come later.
    assert done.stdout.split() == [found, "False"]
