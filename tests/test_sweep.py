from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from triptych.sweep import count_jobs

CONF = Path(__file__).parents[1] / "conf"


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
