import json
import math
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from triptych import result as results
from triptych.result import FILE, SCHEMA, Result

FULL = Result(
    status="failed",
    name="moe-s1",
    panel="moe",
    seed=1,
    overrides=["model=moe", "model.tags=[a,b]"],
    config={"model": {"top_k": 2, "lr": 1e-3}, "none": None},
    metrics={"best": {"val/acc": 0.5}, "test": {"test/acc/family/cubic": 0.25}},
    tables={"confusion": [[1, 2], [3, 4]]},
    error={"type": "ValueError", "message": "é ✓ x", "traceback": ""},
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = results.write(FULL, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / FILE
    assert results.read(path) == FULL
    assert json.loads(path.read_text())["schema"] == SCHEMA


def test_what_is_no_number_in_json_is_null(tmp_path: Path) -> None:
    def refuse(token: str) -> None:
        raise AssertionError(token)

    odd = Result(
        "finished",
        "moe-s1",
        "moe",
        1,
        config={"limits": (math.inf, 1.5)},
        metrics={"test": {"test/acc": math.nan}},
        tables={"rows": [[-math.inf, 2], {"x": math.nan}]},
        samples_per_s=math.nan,
    )
    path = results.write(odd, tmp_path)
    json.loads(path.read_text(), parse_constant=refuse)
    found = results.read(path)
    assert found.config == {"limits": [None, 1.5]}
    assert found.metrics == {"test": {"test/acc": None}}
    assert found.tables == {"rows": [[None, 2], {"x": None}]}
    assert found.samples_per_s is None


def test_only_whole_files_stay(tmp_path: Path) -> None:
    for seed in range(3):
        results.write(Result("running", "ffn-s0", "ffn", seed), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert results.read(tmp_path / FILE).seed == 2


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """Two states of very different length are written in turn while a thread reads."""
    long = Result("finished", "moe-s0", "moe", 1, tables={"rows": [[0.125] * 50] * 100})
    states = [Result("running", "moe-s0", "moe", 0), long]
    results.write(states[0], tmp_path)
    done = threading.Event()
    seen: list[int] = []
    faults: list[Exception] = []

    def look() -> None:
        while not done.is_set():
            try:
                found = results.read(tmp_path / FILE)
                assert found == states[found.seed]
                seen.append(found.seed)
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    for turn in range(60):
        results.write(states[turn % 2], tmp_path)
    done.set()
    reader.join()
    assert not faults
    assert set(seen) == {0, 1}


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    results.write(FULL, tmp_path)
    with pytest.raises(TypeError):
        results.write(Result("running", "a", "ffn", 0, config={"x": object()}), tmp_path)
    assert results.read(tmp_path / FILE) == FULL


GOOD = asdict(Result("finished", "ffn-s0", "ffn", 0))


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"schema": 1, "sta',
        "null",
        "[1, 2]",
        '"text"',
        "{}",
        json.dumps({**GOOD, "schema": SCHEMA + 1}),
        json.dumps({**GOOD, "colour": "red"}),
        json.dumps({k: v for k, v in GOOD.items() if k != "seed"}),
        json.dumps({**GOOD, "status": "done"}),
        "\x00\x01",
    ],
)
def test_a_bad_file_is_one_error_that_names_it(tmp_path: Path, content: str) -> None:
    file = tmp_path / FILE
    file.write_text(content)
    with pytest.raises(ValueError, match="is not a result of a run") as caught:
        results.read(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_a_bad_file_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe{}")
    with pytest.raises(ValueError, match="is not a result of a run"):
        results.read(tmp_path / FILE)


def test_runs_are_found_in_a_stable_order_and_once(tmp_path: Path) -> None:
    for seed, folder in enumerate(["b/1", "b/0", "a", "c/deep/er"]):
        results.write(Result("finished", "x", "ffn", seed), tmp_path / folder)
    everything = [(folder, result.seed) for folder, result in results.find(tmp_path)]
    wanted = [("a", 2), ("b/0", 1), ("b/1", 0), ("c/deep/er", 3)]
    assert everything == [(tmp_path / name, seed) for name, seed in wanted]
    (tmp_path / "link").symlink_to(tmp_path / "b")
    roots = [tmp_path / "b", tmp_path / "b" / "0" / FILE, tmp_path / "link", tmp_path]
    assert [result.seed for _, result in results.find(*roots)] == [1, 0, 2, 3]


def test_a_draft_of_a_killed_run_is_not_found(tmp_path: Path) -> None:
    (tmp_path / f".{FILE}.123").write_text("{")
    assert list(results.find(tmp_path)) == []


@pytest.mark.parametrize("module", ["result", "config", "sweep", "errors", "seeds"])
def test_the_module_does_not_load_torch(module: str) -> None:
    code = f"import sys, triptych.{module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
