"""torch.compile of nets with sparse layers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .test_agreement import CONF, KERNELS

pytestmark = pytest.mark.slow

WHOLE = ["masked", "narrow", "straight_through"]
"""Kernels that a compiler can look through; others work with breaks between graphs."""


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    script = Path(__file__).with_name("compiled.py")
    files = [str(CONF / f"{name}.yaml") for name in KERNELS]
    environment = {**os.environ, "JAXTYPING_DISABLE": "1"}
    command = [sys.executable, "-W", "ignore", str(script), *files]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return {Path(file).stem: row for file, row in json.loads(done.stdout).items()}


@pytest.mark.parametrize("name", KERNELS)
def test_a_compiled_net_has_the_outputs_and_gradients_of_the_eager_one(name, found):
    """Before and after 5 changes of its masks, where the kernel has any."""
    assert found[name]["difference"] <= 1e-12
    assert found[name]["moves"] in (0, 5)


@pytest.mark.parametrize("name", WHOLE)
def test_masks_change_without_a_new_compilation_or_a_break(name, found):
    """One graph for training and one for inference."""
    row = found[name]
    assert (row["graphs"], row["later"], row["breaks"]) == (2, 0, 0)


def test_values_that_move_need_no_new_compilation(found):
    """Their places are buffers of a fixed size, changed in place."""
    row = found["csr"]
    assert (row["later"], row["moves"]) == (0, 5)
    assert row["breaks"] > 0  # sparse tensors of torch are beyond its compiler
