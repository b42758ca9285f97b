from collections.abc import Iterator

import pytest
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from triptych.sweep import count_jobs

from ..composed import CONF

names = st.sampled_from(["model", "seed", "model.lr", "data.noise", "model/router"])
values = st.lists(st.integers(0, 99), min_size=1, max_size=5)


@given(st.dictionaries(names, values))
def test_jobs_are_counted_as_the_product_of_the_choices(choices: dict[str, list[int]]) -> None:
    product = 1
    for listed in choices.values():
        product *= len(listed)
    assert count_jobs([f"{k}={','.join(map(str, v))}" for k, v in choices.items()]) == product


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.mark.parametrize(
    ("overrides", "jobs"),
    [
        ([], 1),
        (["seed=3"], 1),
        (["seed=0,1,2", "model=ffn,moe"], 6),
        (["seed=range(1,10,3)"], 3),
        (["seed=0,1,2", "seed=7"], 1),
        (["seed=7", "seed=0,1,2"], 3),
        (["+a=1,2", "b@c=x,y"], 4),
        (["model.lr=choice(0.1,0.2)", "model.tags=[a,b]", "name='a,b'"], 2),
        (["~logger.wandb", "seed=0,1"], 2),
        (["model=glob([ffn,moe,sparse])", "seed=0,1"], 6),
    ],
)
def test_as_many_jobs_are_counted_as_hydra_starts(
    loader: ConfigLoader, overrides: list[str], jobs: int
) -> None:
    parsed = OverridesParser.create(loader).parse_overrides(overrides)
    (batch,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    assert count_jobs(overrides, loader) == len(batch) == jobs


@pytest.mark.parametrize(
    ("overrides", "replicas", "runs"),
    [
        (["seed=0,8"], 4, 8),
        (["seed=0,8", "replicas=4"], 4, 8),
        (["seed=0,8", "replicas=2,3"], 1, 10),
        (["replicas=range(1,4)"], 1, 6),
        (["replicas=0,two"], 1, 2),  # each fails
        (["seed=0,8"], 0, 2),
    ],
)
def test_replicas_are_counted_as_runs(overrides: list[str], replicas: int, runs: int) -> None:
    assert count_jobs(overrides, replicas=replicas) == runs
