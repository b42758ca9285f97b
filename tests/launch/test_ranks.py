import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from triptych.launch.ranks import READY, RankFailed, Ranks, ready

SLEEP = "import time; time.sleep(60)"
JOIN = "import os; open(os.path.join(os.environ['TRIPTYCH_READY_FOLDER'], '1'), 'w')"


@pytest.fixture
def ranks() -> Iterator[Ranks]:
    ranks = Ranks()
    yield ranks
    if READY in os.environ:
        ranks.end(0)


def child(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


def test_rank_0_waits_until_the_others_are_ready(ranks: Ranks) -> None:
    ranks.watch([child(f"import time; time.sleep(0.3); {JOIN}; {SLEEP}")])
    assert Path(os.environ[READY], "1").exists()


def test_a_rank_that_ends_before_it_is_ready_is_named(ranks: Ranks) -> None:
    with pytest.raises(RankFailed, match="rank 1 ended with code 3 before training began"):
        ranks.watch([child("raise SystemExit(3)")])


def test_ranks_that_are_left_are_ended(ranks: Ranks) -> None:
    stuck = child(f"{JOIN}; {SLEEP}")
    ranks.watch([stuck])
    begin = time.monotonic()
    ranks.end(0.1)
    assert stuck.returncode == -9
    assert time.monotonic() - begin < 10
    assert READY not in os.environ


def test_ranks_may_finish_in_their_own_time(ranks: Ranks) -> None:
    slow = child(f"{JOIN}; import time; time.sleep(0.5)")
    ranks.watch([slow])
    ranks.end(60)
    assert slow.returncode == 0


def test_a_rank_that_fails_later_does_not_end_rank_0_at_once(ranks: Ranks) -> None:
    ranks.watch([child(f"{JOIN}; raise SystemExit(1)")])
    time.sleep(2.5)  # the watch looks every second
    assert threading.main_thread().is_alive()


def test_only_other_ranks_announce_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready()
    monkeypatch.setenv(READY, str(tmp_path))
    for rank in ("0", "2"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        ready()
    assert [p.name for p in tmp_path.iterdir()] == ["2"]
