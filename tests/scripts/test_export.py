"""The command as a process: what it writes, prints and answers to mistakes."""

import os

import pytest
import torch

from triptych.sparse import load_export

from ..e2e.commands import Commands

TINY = ("debug=fast", "trainer.max_epochs=1", "logger=none", "model.sparsity=0.9")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sparse(shared: Commands) -> Commands:
    """With the checkpoint of a sparse run."""
    done = shared.script("train.py", "model=sparse", *TINY, "hydra.run.dir=run")
    assert done.code == 0, done.err
    return shared


CHECKPOINT = "ckpt_path=run/checkpoints/best.ckpt"


@pytest.mark.parametrize("form", ["csr", "narrow"])
def test_it_writes_beside_the_checkpoint_and_says_what_it_wrote(
    sparse: Commands, form: str
) -> None:
    done = sparse.script("scripts/export.py", CHECKPOINT, f"format={form}")
    assert (done.code, done.err) == (0, "")
    file = sparse.place / f"run/checkpoints/best.{form}.safetensors"
    head, *rows, last = done.out.splitlines()
    assert head.split()[:3] == ["layer", "shape", "density"]
    assert rows[0].startswith("blocks.block_0.net.chain.0")
    assert "differ by at most" in rows[-1]
    size = file.stat().st_size
    assert last.startswith(f"run/checkpoints/best.{form}.safetensors: {size} bytes, ")
    assert ("hidden units removed" in done.out) == (form == "narrow")
    saved = torch.load(sparse.place / "run/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert torch.equal(load_export(file)["stem.weight"], saved["network.stem.weight"])
    assert not [p for p in file.parent.iterdir() if p.name.startswith(".")]
    assert {p.name for p in sparse.place.iterdir()} <= {"run", "out.safetensors", "broken"}


def test_the_file_can_be_named(sparse: Commands) -> None:
    done = sparse.script("scripts/export.py", CHECKPOINT, "format=bitmask", "out=out.safetensors")
    assert done.code == 0, done.err
    assert (sparse.place / "out.safetensors").is_file()


def test_a_mistake_is_one_line_and_exit_code_1(sparse: Commands) -> None:
    done = sparse.script("scripts/export.py", CHECKPOINT, "format=block")
    assert done.code == 1
    (line,) = done.err.splitlines()
    assert line.startswith("error: format=block: blocks.block_0.net.chain.0: its mask of 320 x 32")


def test_without_the_package_it_says_what_to_install(sparse: Commands) -> None:
    broken = sparse.place / "broken" / "safetensors"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('not here')\n")
    typed = (CHECKPOINT, "format=csr")
    path = os.pathsep.join([str(broken.parent), os.environ.get("PYTHONPATH", "")])
    done = Commands(sparse.place, {"PYTHONPATH": path}).script("scripts/export.py", *typed)
    assert done.code == 1
    assert done.err.splitlines() == [
        "error: exports need the package safetensors: pip install 'triptych[export]'"
    ]
