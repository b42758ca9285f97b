from pathlib import Path

import pytest

from triptych.training import BestCheckpoint

from ..tiny import pair, trainer


def trained(folder: Path, epochs: int, ckpt_path: str | None = None) -> tuple[BestCheckpoint, Path]:
    """A run whose accuracy does not grow any more after some epochs, and its last checkpoint."""
    best = BestCheckpoint(str(folder / "checkpoints"), "val/acc", "max")
    module, data = pair("model.lr=0.3", "scheduler=constant")
    runner = trainer([best], max_epochs=epochs, enable_checkpointing=True)
    runner.fit(module, data, ckpt_path=ckpt_path)
    runner.save_checkpoint(folder / "last.ckpt")
    return best, folder / "last.ckpt"


def test_a_run_resumed_elsewhere_keeps_the_best_epoch_of_the_whole_run(tmp_path: Path) -> None:
    first, last = trained(tmp_path / "first", 6)
    first.best_model_score = first.best_model_score + 1  # beyond all later epochs
    state = first.state_dict()
    second = BestCheckpoint(str(tmp_path / "second" / "checkpoints"), "val/acc", "max")
    second.load_state_dict(state)
    assert second.best_model_score == first.best_model_score
    assert Path(second.best_model_path) == tmp_path / "second" / "checkpoints" / "best.ckpt"
    assert Path(second.best_model_path).read_bytes() == Path(first.best_model_path).read_bytes()
    assert last.exists()


def test_a_resumed_run_replaces_the_copy_by_a_better_epoch(tmp_path: Path) -> None:
    first, last = trained(tmp_path / "first", 1)
    second, _ = trained(tmp_path / "second", 4, str(last))
    assert second.best_model_score is not None
    assert first.best_model_score is not None
    assert second.best_model_score >= first.best_model_score
    assert [path.name for path in (tmp_path / "second" / "checkpoints").iterdir()] == ["best.ckpt"]


def test_a_best_file_that_is_gone_does_not_stop_the_run(tmp_path: Path) -> None:
    first, last = trained(tmp_path / "first", 1)
    Path(first.best_model_path).unlink()
    with pytest.warns(UserWarning, match="dirpath has changed"):
        second, _ = trained(tmp_path / "second", 2, str(last))
    assert Path(second.best_model_path).parent == tmp_path / "second" / "checkpoints"


def test_a_net_that_is_not_yet_as_sparse_as_asked_for_is_no_candidate(tmp_path: Path) -> None:
    """Of 28 steps the 22nd prunes last: the densest of the candidates is that of the last epoch."""
    best = BestCheckpoint(str(tmp_path / "checkpoints"), "val/density", "max")
    module, data = pair("model=sparse", "model/rule=pruning", "model.rule.every=2")
    trainer([best], max_epochs=4, enable_checkpointing=True).fit(module, data)
    assert float(best.best_model_score or 1) == pytest.approx(0.2, abs=1e-3)
    assert Path(best.best_model_path).is_file()
