"""A warm start against the real one, of scripts that import nothing dear."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from .commands import MARK, Commands, Outcome, surroundings, survivors

pytestmark = pytest.mark.slow

ENDS = {
    "falls off its end": "",
    "a code": "sys.exit(3)",
    "words": "sys.exit('words')",
    "an error": "print('before'); 1 / 0",
    "Ctrl-C": "os.kill(os.getpid(), signal.SIGINT); time.sleep(60)",
    "a signal": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
    "a kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "later threads": "threading.Timer(0.2, print, ('thread',)).start(); sys.exit(4)",
    "exit functions": "atexit.register(print, 'exit')",
    "carriage returns": r"print('one\rtwo\r\n', end='')",
    "a child": "subprocess.run([sys.executable, '-c', 'import os; print(os.environ[\"MINE\"])'])",
}
SHOWN = """
import atexit, os, pickle, signal, subprocess, sys, threading, time
class Mine: pass
main = sys.modules["__main__"]
print(sys.argv, sys.orig_argv, sys.path[:2], os.getcwd(), os.getpid() == os.getsid(0))
print(sorted(k for k in vars(main) if not k.startswith("_")), __name__, __file__, __package__)
print({k: v for k, v in sorted(os.environ.items()) if k != sys.argv[1]}, __spec__, __doc__)
print(vars(main) is globals(), type(pickle.loads(pickle.dumps(Mine()))) is Mine)
print([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)])
print(os.listdir("/proc/self/fd"), sys.stdout.line_buffering, sys.stdin.read(), sys.flags)
"""


def outcome(commands: Commands, text: str) -> Outcome:
    script = commands.place / "script.py"
    script.write_text(text)
    return commands.script(str(script), MARK, "two words")


@pytest.fixture
def mine(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("MINE", "mine")
    monkeypatch.delenv("HOME")
    return commands


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_a_script_sees_and_ends_as_in_a_new_interpreter(mine: Commands, end: str) -> None:
    warm, cold = (outcome(way, SHOWN + end) for way in (mine, mine.cold))
    assert (warm.code, warm.out) == (cold.code, cold.out), warm.err
    assert warm.out.count("mine") >= 1
    # The lines of our files stand between the first line of a traceback and those of the script.
    assert set(warm.err.splitlines()) >= set(cold.err.splitlines())
    assert bool(warm.err) == bool(cold.err)


LEAVES = """
import os, time
if os.fork() == 0:
    os.setsid()
    open('child', 'w').write(str(os.getpid()))
time.sleep(60)
"""


def test_its_mark_is_on_all_that_comes_of_it_until_that_ends(commands: Commands) -> None:
    script = commands.place / "script.py"
    script.write_text(LEAVES)
    process, mark = commands.start(str(script))
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=1)
    assert len(survivors(mark)) == 2
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=20) == -signal.SIGKILL
    assert len(survivors(mark)) == 1
    os.kill(int(Path(commands.place, "child").read_text()), signal.SIGKILL)
    process.communicate(timeout=20)
    assert survivors(mark) == []


def test_what_cannot_start_says_why_and_harms_no_other(commands: Commands) -> None:
    process, _ = commands.start("scripts/report.py", "--help")
    with pytest.raises(RuntimeError, match="No such file or directory: '/none'"):
        commands.python(["none.py"], Path("/none"), surroundings() | {MARK: "m" * 32})
    out, _ = process.communicate(timeout=60)
    assert "run or sweep folder" in out
