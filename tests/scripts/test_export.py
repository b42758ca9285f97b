"""The command as a process: what it writes, prints and answers to mistakes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from triptych.sparse import load_export

ROOT = Path(__file__).parents[2]
TINY = ("debug=fast", "trainer.max_epochs=1", "logger=none", "model.sparsity=0.9")

pytestmark = pytest.mark.slow


def run(script: str, place: Path, *typed: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if path:
        environment["PYTHONPATH"] = os.pathsep.join([path, environment.get("PYTHONPATH", "")])
    command = [sys.executable, str(ROOT / script), *typed]
    return subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the checkpoint of a sparse run."""
    folder = tmp_path_factory.mktemp("place")
    done = run("train.py", folder, "model=sparse", *TINY, "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    return folder


CHECKPOINT = "ckpt_path=run/checkpoints/best.ckpt"


@pytest.mark.parametrize("form", ["csr", "narrow"])
def test_it_writes_beside_the_checkpoint_and_says_what_it_wrote(place: Path, form: str) -> None:
    done = run("scripts/export.py", place, CHECKPOINT, f"format={form}")
    assert (done.returncode, done.stderr) == (0, "")
    file = place / f"run/checkpoints/best.{form}.safetensors"
    head, *rows, last = done.stdout.splitlines()
    assert head.split()[:3] == ["layer", "shape", "density"]
    assert rows[0].startswith("blocks.block_0.net.chain.0")
    assert "differ by at most" in rows[-1]
    size = file.stat().st_size
    assert last.startswith(f"run/checkpoints/best.{form}.safetensors: {size} bytes, ")
    assert ("hidden units removed" in done.stdout) == (form == "narrow")
    saved = torch.load(place / "run/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(load_export(file)["stem.weight"], saved["network.stem.weight"])
    assert not [p for p in file.parent.iterdir() if p.name.startswith(".")]
    assert {p.name for p in place.iterdir()} <= {"run", "out.safetensors", "broken"}


def test_the_file_can_be_named(place: Path) -> None:
    done = run("scripts/export.py", place, CHECKPOINT, "format=bitmask", "out=out.safetensors")
    assert done.returncode == 0, done.stderr
    assert (place / "out.safetensors").is_file()


def test_a_mistake_is_one_line_and_exit_code_1(place: Path) -> None:
    done = run("scripts/export.py", place, CHECKPOINT, "format=block")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: format=block: blocks.block_0.net.chain.0: its mask of 320 x 32")


def test_without_the_package_it_says_what_to_install(place: Path) -> None:
    broken = place / "broken" / "safetensors"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('not here')\n")
    typed = (CHECKPOINT, "format=csr")
    done = run("scripts/export.py", place, *typed, path=str(broken.parent))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: exports need the package safetensors: pip install 'triptych[export]'"
    ]
