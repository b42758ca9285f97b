"""The command as a process."""

import re

import pytest

from ..e2e.commands import Commands

SCRIPT = "scripts/ceiling.py"

pytestmark = pytest.mark.slow


def test_it_prints_one_line_and_leaves_nothing(commands: Commands) -> None:
    done = commands.script(SCRIPT, "data.families=[cubic,steps]", "data.seq_len=8")
    assert done.code == 0, done.err
    words = r"no classifier can exceed an accuracy of 9\d\.\d+% \(\+- 0\.\d+%, 10000 samples\)\n"
    assert re.fullmatch(words, done.out)
    assert list(commands.place.iterdir()) == []


def test_where_nobody_knows_it_says_so(commands: Commands) -> None:
    done = commands.script(SCRIPT, "data.noise=0")
    assert (done.code, len(done.out.splitlines())) == (0, 1)
    assert "nobody knows" in done.out


def test_a_wrong_setting_is_one_line(commands: Commands) -> None:
    done = commands.script(SCRIPT, "data.noise=-1")
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
