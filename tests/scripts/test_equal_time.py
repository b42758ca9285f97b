"""The command as a process."""

import re

import pytest

from ..e2e.commands import Commands

SCRIPT = "scripts/equal_time.py"

pytestmark = pytest.mark.slow


def test_it_prints_the_width_to_take_and_leaves_nothing(commands: Commands) -> None:
    done = commands.script(SCRIPT, "model=sparse", "model.sparsity=0.95")
    assert done.code == 0, done.err
    first, second = done.out.splitlines()
    assert re.fullmatch(r"model=sparse: [\d.]+ ms a step", first)
    words = r"model=ffn model.d_hidden=\d+: [\d.]+ \([\d.]+ to [\d.]+\) of that, 40 rounds"
    assert re.fullmatch(words, second)
    assert list(commands.place.iterdir()) == []


@pytest.mark.parametrize("typed", ["model.sparsity=2", "model=nothing", "trainer.max_epochs=0"])
def test_a_wrong_setting_is_one_line(commands: Commands, typed: str) -> None:
    done = commands.script(SCRIPT, "model=sparse", typed)
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
