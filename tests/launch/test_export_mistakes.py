"""What a user can get wrong when exporting: one line each, and nothing is written."""

import pytest

from .in_process import Prompt

CHECKPOINT = "ckpt_path=run/checkpoints/best.ckpt"
TINY = ("model=sparse", "debug=fast", "trainer.max_epochs=1", "logger=none", "hydra.run.dir=run")
MISTAKES = [
    ((), "format is missing"),
    (("format=csr",), "ckpt_path is missing: python scripts/export.py ckpt_path="),
    ((CHECKPOINT, "format=cst"), "; did you mean 'csr'?"),
    ((CHECKPOINT, "fromat=csr"), "unknown key 'fromat'; did you mean 'format'?"),
    (("ckpt_path=none.ckpt", "format=csr"), "ckpt_path=none.ckpt: there is no such file"),
    ((CHECKPOINT, "format=block"), "is not made of whole blocks: take format=csr"),
    ((CHECKPOINT, "format=csr", "block=4"), "block=4 is of format=block"),
    ((CHECKPOINT, "format=block", "block=0"), "block=0 must be a whole number of at least 1"),
    ((CHECKPOINT, "format=csr", "out=/nope/x"), "out=/nope/x cannot be written: No such"),
    (
        (CHECKPOINT, "format=csr", "out=run/checkpoints/best.ckpt"),
        "is the checkpoint itself: name another file",
    ),
]


def test_each_mistake_is_one_line_that_names_key_and_remedy(prompt: Prompt) -> None:
    assert prompt.type("train.py", *TINY).code == 0
    before = sorted(prompt.place.rglob("*"))
    for typed, message in MISTAKES:
        answer = prompt.type("scripts/export.py", *typed)
        assert answer.code == 1, typed
        assert message in answer.error
        assert answer.err.splitlines() == [f"error: {answer.error}"]
    assert sorted(prompt.place.rglob("*")) == before


@pytest.mark.parametrize("form", ["csr", "narrow"])
def test_a_net_without_sparse_layers_has_no_such_format(prompt: Prompt, form: str) -> None:
    assert prompt.type("train.py", "model=ffn", *TINY[1:]).code == 0
    assert prompt.type("scripts/export.py", CHECKPOINT, "format=dense").code == 0
    answer = prompt.type("scripts/export.py", CHECKPOINT, f"format={form}")
    assert answer.error == f"format={form}: the net has no sparse layers: take format=dense"
