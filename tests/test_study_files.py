"""Every study of conf/experiment/study can be run: its plan, its claims, the nets of its arms."""

from collections.abc import Iterator

import pytest

from triptych.report.study import check_claims
from triptych.run.build import build_data, build_module
from triptych.study import Pair, Study, from_config, trials
from triptych.sweep.origins import filled, levels

from .composed import CONF, composed, sweeper

SHARED = {"clusters"}  # what some of them have in common
STUDIES = sorted({f.stem for f in (CONF / "experiment" / "study").glob("*.yaml")} - SHARED)
SIZES = sorted(file.stem for file in (CONF / "size").glob("*.yaml"))


def plan(name: str, *overrides: str) -> Study:
    return from_config(sweeper(f"experiment=study/{name}", *overrides)["study"])


@pytest.mark.parametrize("name", STUDIES)
def test_it_expects_something_that_can_be_judged(name: str) -> None:
    study = plan(name)
    assert study.claims
    check_claims(study)


@pytest.mark.parametrize("name", STUDIES)
def test_what_its_arms_start_from_is_trained_before(name: str) -> None:
    study = plan(name)
    assert sorted(pair for level in levels(study) for pair in level) == sorted(study.pairs)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", STUDIES)
def test_it_has_every_size(name: str, size: str) -> None:
    study = plan(name, f"size={size}")
    assert len(study.seeds) >= 2
    assert study.most_rates >= len(study.rates)


def pairs_with_each_cell_and_each_arm(study: Study) -> Iterator[Pair]:
    seen: set[str] = set()
    for pair in study.pairs:
        if not seen.issuperset(pair):
            yield pair
            seen.update(pair)


@pytest.mark.parametrize("name", STUDIES)
def test_every_arm_can_be_built_and_every_cell_has_data(name: str) -> None:
    study = plan(name)
    pairs = pairs_with_each_cell_and_each_arm(study)
    for trial in trials(study, "comparison", dict.fromkeys(pairs, study.rates[:1]), 0):
        if trial.seed != study.seeds[0]:
            continue
        overrides = filled(trial.overrides(study), lambda arm: f"{arm}.ckpt")
        config = composed(f"experiment=study/{name}", *overrides)
        module = build_module(config, build_data(config))
        assert module.cost().flops > 0
        assert config["model"]["lr"] == trial.rate
