import subprocess
from datetime import datetime
from pathlib import Path

import pytest
import torch

from triptych.run.facts import (
    PACKAGES,
    config_hash,
    device_facts,
    git_state,
    now,
    peak_memory_mib,
    processor,
    reset_peak_memory,
    versions,
)

from ..composed import composed

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "same",
    [
        ["logger=none"],
        ["logger.wandb.name=x"],
        ["hydra.runtime.output_dir=elsewhere"],
        ["sweep.report=there"],
    ],
    ids=" ".join,
)
def test_where_and_how_a_run_is_logged_does_not_change_what_it_is(same: list[str]) -> None:
    assert config_hash(composed("model=moe", *same)) == config_hash(composed("model=moe"))


def test_everything_that_is_computed_counts() -> None:
    settings = [
        ["model=moe"],
        ["model=moe", "model.top_k=1"],
        ["model=moe", "seed=1"],
        ["model=moe", "model/router=topk_mlp"],
        ["model=moe", "optimizer=sgd"],
        ["model=moe", "data.noise=0.5"],
        ["model=moe", "trainer.max_epochs=3"],
        ["model=moe", "callbacks.best.monitor=val/loss"],
    ]
    assert len({config_hash(composed(*s)) for s in settings}) == len(settings)


def test_the_order_of_keys_does_not_count() -> None:
    assert config_hash({"a": 1, "b": {"c": 2, "d": 3}}) == config_hash(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )


def test_a_repository_has_a_commit_and_changes_of_tracked_files_make_it_dirty(
    tmp_path: Path,
) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True)

    git("init", "-q")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-qm", "first")
    clean = git_state(tmp_path)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "new").write_text("untracked")
    assert git_state(tmp_path) == clean
    (tmp_path / "file").write_text("2")
    assert git_state(tmp_path) == {**clean, "dirty": True}


def test_outside_a_repository_and_without_git_there_is_no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(Path(__file__).parent) == {}


def test_versions_name_python_and_every_package_that_matters() -> None:
    found = versions()
    assert found.keys() == {"python", *PACKAGES}
    assert found["torch"] == torch.__version__  # with +cpu or +cu130, where that is known
    assert all(found.values())


def test_the_time_has_an_offset_and_no_fractions() -> None:
    time = datetime.fromisoformat(now())
    assert time.utcoffset() is not None
    assert time.microsecond == 0


def test_the_device_is_described() -> None:
    facts = device_facts(CPU, processes=2)
    assert (facts["kind"], facts["processes"]) == ("cpu", 2)
    assert facts["threads"] == torch.get_num_threads()
    assert facts["name"] == processor() != ""


def test_peak_memory_sees_what_was_allocated_and_freed_since_the_reset() -> None:
    reset_peak_memory(CPU)
    before = peak_memory_mib(CPU)
    block = torch.ones(64 * 2**18)  # 64 MiB
    del block
    assert 50 < peak_memory_mib(CPU) - before < 100
