import shutil

import pytest

from .commands import Commands, Outcome

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chosen(shared: Commands) -> Outcome:
    return shared.train("model=sparse", "model/mask=snip", "model/kernel=csr", name="chosen")


def test_layers_get_as_many_weights_as_their_scores_say(chosen: Outcome) -> None:
    """4 layers of 10240 places at 80 %."""
    assert chosen.code == 0, chosen.err
    rows = chosen.result.tables["density"]
    assert sum(row["nonzeros"] for row in rows) == 8192
    assert len({row["nonzeros"] for row in rows}) > 1


def test_eval_rebuilds_masks_of_other_sizes_from_the_file_alone(
    chosen: Outcome, commands: Commands
) -> None:
    alone = shutil.copy(chosen.folder / "checkpoints" / "best.ckpt", commands.place / "alone.ckpt")
    assert commands.evaluate(alone) == chosen.result.metrics["test"]


def test_what_the_masks_cannot_go_with_is_one_line(commands: Commands) -> None:
    for part, words in (
        ("model/kernel=block", "model/kernel=block needs a mask of whole blocks of 16"),
        ("model/rule=pruning", "model.rule.initial=0.0"),
        ("model.sparsity=0.9999", "layer collapse"),
    ):
        outcome = commands.train("model=sparse", "model/mask=snip", part)
        assert outcome.code != 0
        (line,) = outcome.errors
        assert words in line
