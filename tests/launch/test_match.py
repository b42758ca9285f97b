"""A whole command whose width is searched: it says so, goes on without a search, and is tested."""

from pathlib import Path

import pytest

from triptych import result
from triptych.run.checkpoint import resumable
from triptych.run.match import as_found
from triptych.sweep import Earlier

from ..composed import unresolved
from .in_process import Prompt

TYPED = ("model=moe", "match=active", "match.d_hidden=32", "debug=fast")


def test_a_matched_run_goes_on_and_is_tested_at_the_width_that_it_found(
    prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prompt.place / "run"
    typed = (*TYPED, "logger=csv", f"hydra.run.dir={folder}")
    answer = prompt.type("train.py", *typed)
    said = "match=active: model.d_hidden=14, 10,496 FLOPs a sample against 10,496 of ffn with 32"
    assert (answer.code, answer.out.splitlines()[0]) == (0, f"{said} (+0.0 %)"), answer.err
    done = result.read(folder / result.FILE)
    assert done.match == done.config["match"]["found"]
    assert (done.match["kind"], done.match["d_hidden"], done.match["mismatch"]) == ("active", 14, 0)
    assert done.config["model"]["d_hidden"] == done.config["model"]["experts"]["d_hidden"] == 14
    assert done.cost["flops"] == done.match["budget"] == 10_496

    def never(*_: object) -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr("triptych.run.match.nearest", never)
    last = folder / "checkpoints" / "last.ckpt"
    tested = prompt.type("eval.py", f"ckpt_path={folder / 'checkpoints' / 'best.ckpt'}")
    assert f"{done.metrics['test']['test/acc']:.6f}" in tested.out
    again = prompt.type("train.py", *typed, f"ckpt_path={last}")
    assert again.code == 0, again.err
    after = result.read(folder / result.FILE)
    assert (after.match, after.config_hash) == (done.match, done.config_hash)
    assert after.config["model"] == done.config["model"]
    other = prompt.type("train.py", *typed, f"ckpt_path={last}", "match.tolerance=0.2")
    assert other.error.endswith("match.tolerance was 0.1 and is now 0.2; resume with the old value")
    check_a_job_of_a_repeated_sweep(done, last)


def check_a_job_of_a_repeated_sweep(done: result.Result, last: Path) -> None:
    """Which goes on from its checkpoint, though its settings as typed have another width."""
    cfg = unresolved(*TYPED)
    assert as_found(cfg, None)["model"]["d_hidden"] == 32 != done.match["d_hidden"]
    assert resumable(Earlier(done, last), lambda path: as_found(cfg, path)) == str(last)
    assert resumable(Earlier(done, last), lambda path: as_found(cfg, None)) == ""
