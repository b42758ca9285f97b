from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import InvalidSetting
from triptych.sweep import Replica, by_seed, read_group
from triptych.sweep.replica import grouped, key_of, may_differ, values_of, write_group

JOBS = st.lists(
    st.tuples(st.sampled_from(["ffn", "moe"]), st.integers(0, 3), st.sampled_from(["0.1", "0.01"])),
    unique=True,
)


def typed(job: tuple[str, int, str]) -> list[str]:
    panel, seed, rate = job
    return [f"model={panel}", f"seed={seed}", f"model.lr={rate}"]


@given(JOBS, st.integers(1, 5))
def test_each_job_is_in_one_group_of_its_panel(jobs: list[tuple[str, int, str]], most: int) -> None:
    groups = grouped([typed(job) for job in jobs], most)
    assert sorted(i for group in groups for i in group) == list(range(len(jobs)))
    for group in groups:
        assert len({jobs[i][0] for i in group}) == 1
        assert group == sorted(group)
        assert 1 <= len(group) <= most


@given(JOBS)
def test_no_more_groups_than_needed_are_made(jobs: list[tuple[str, int, str]]) -> None:
    assert len(grouped([typed(job) for job in jobs], 99)) == len({job[0] for job in jobs})


@pytest.mark.parametrize(
    "pair",
    [
        (["seed=0"], ["seed=1"]),
        (["model.lr=0.1"], ["model.lr=0.2"]),
        (["+optimizer.eps=1e-8"], ["+optimizer.eps=1e-6"]),
        (["model=sparse", "model.sparsity=0.5"], ["model=sparse", "model.sparsity=0.9"]),
        (["model.balance_coef=0", "model.z_coef=0"], ["model.balance_coef=1", "model.z_coef=1"]),
        (["seed=0", "model.lr=0.1"], ["model.lr=0.2", "seed=0"]),
    ],
)
def test_jobs_that_differ_in_numbers_go_together(pair: tuple[list[str], list[str]]) -> None:
    assert grouped(pair, 16) == [[0, 1]]


@pytest.mark.parametrize(
    "pair",
    [
        (["model.d_hidden=8"], ["model.d_hidden=16"]),
        (["data.n_train=512"], ["data.n_train=1024"]),
        (["optimizer=adam"], ["optimizer=sgd"]),
        (["seed=0"], ["model.lr=0.1"]),
        (["seed=0", "model.lr=0.1"], ["seed=1"]),
        (["match=active", "model.sparsity=0.5"], ["match=active", "model.sparsity=0.9"]),
        (["model/kernel=csr", "model.sparsity=0.5"], ["model/kernel=csr", "model.sparsity=0.9"]),
    ],
)
def test_jobs_that_differ_in_shape_do_not(pair: tuple[list[str], list[str]]) -> None:
    assert grouped(pair, 16) == [[0], [1]]


def test_a_large_group_is_cut() -> None:
    assert grouped([[f"seed={seed}"] for seed in range(5)], 2) == [[0, 1], [2, 3], [4]]


def test_values_are_those_that_hydra_would_set() -> None:
    overrides = ["model=moe", "seed=3", "model.lr=1e-3", "+optimizer.betas=[0.9,0.99]"]
    values = {"seed": 3, "model.lr": 1e-3, "optimizer.betas": [0.9, 0.99]}
    assert values_of(overrides) == values


@pytest.mark.parametrize(
    ("override", "key", "differs"),
    [
        ("seed=1", "seed", True),
        ("++model.lr=1", "model.lr", True),
        ("optimizer.weight_decay=0", "optimizer.weight_decay", True),
        ("optimizer=sgd", "optimizer", False),
        ("~logger.wandb", "logger.wandb", False),
        ("~optimizer.fused", "optimizer.fused", False),
        ("model/rule=rigl", "model/rule", False),
    ],
)
def test_an_override_is_known_by_its_key(override: str, key: str, differs: bool) -> None:
    assert key_of(override) == key
    assert may_differ(override) == differs


def test_replicas_by_seed_are_what_would_be_typed_for_each(tmp_path: Path) -> None:
    replicas = by_seed(2, 7, ["model=moe", "seed=7", "replicas=2"], tmp_path)
    assert [replica.overrides for replica in replicas] == [
        ["model=moe", "seed=7"],
        ["model=moe", "seed=8"],
    ]
    assert [(r.folder, r.number, r.own) for r in replicas] == [
        (tmp_path / "0", 0, {"seed": 7}),
        (tmp_path / "1", 1, {"seed": 8}),
    ]


@pytest.mark.parametrize("replicas", [0, -1, True, 2.0, "two", None])
def test_what_is_no_number_of_replicas_is_refused(replicas: object, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=f"replicas={replicas} must be a whole number"):
        by_seed(replicas, 0, [], tmp_path)


def test_a_group_is_read_as_it_was_written(tmp_path: Path) -> None:
    replicas = [Replica(tmp_path / "3", 3, {"seed": 0, "model.lr": 1e-3}, ["seed=0"])]
    assert read_group(write_group(tmp_path / "groups" / "3.json", replicas)) == replicas


@pytest.mark.parametrize("text", [None, "{half", "[1]", '[{"folder": "a"}]', '{"a": 1}'])
def test_another_file_is_no_group(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "group.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidSetting, match="is no group of jobs"):
        read_group(file)
