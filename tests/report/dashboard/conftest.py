"""Real runs of the three panels over two seeds, one that failed, and one that is half written."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from triptych.result import read, write

from ...e2e.commands import Commands


@dataclass(frozen=True)
class Places:
    """Where the runs are.

    Attributes:
        root: above all of them.
        sweep: six finished runs.
        torn: a running one whose files end in the middle of a line.
    """

    root: Path
    sweep: Path
    torn: Path


@pytest.fixture(scope="module")
def places(shared: Commands) -> Places:
    """Six small runs by the real command; the others are copies of the first mixture."""
    done = shared.sweep("model=ffn,sparse,moe", "seed=0,1", name="logs/panels")
    assert done.code == 0, done.err
    root = shared.place / "logs"
    mixture = next(
        folder for folder in (done.folder / str(job) for job in range(6)) if is_moe(folder)
    )
    running = replace(read(mixture / "result.json"), status="running", seed=7, id="torn")
    config = json.loads(json.dumps(running.config)) | {"seed": 7}
    config["data"]["seed"] = 7
    running = replace(running, name="moe-s7", config=config, metrics={}, tables={})
    torn = write(running, root / "live" / "0").parent
    for name in ("metrics.csv", "tables.jsonl"):
        lines = (mixture / name).read_text().splitlines(keepends=True)
        (torn / name).write_text("".join(lines[:2]) + lines[-1][: len(lines[-1]) // 2])
    error = {"type": "InvalidSetting", "message": "no <b>such</b> thing\nmore", "traceback": ""}
    write(replace(running, status="failed", error=error, id="failed"), root / "live" / "1")
    return Places(root, done.folder, torn)


def is_moe(folder: Path) -> bool:
    return read(folder / "result.json").panel == "moe"


@pytest.fixture
def own(places: Places, tmp_path: Path) -> Path:
    """A copy of the runs that a test may change."""
    return Path(shutil.copytree(places.root, tmp_path / "logs"))
