import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.errors import InvalidSetting
from triptych.study import Record, best_rate, from_config, more_rates, read, trials

PLAIN = {
    "question": "Which one?",
    "cells": {"easy": ["data.noise=0"], "hard": ["data.noise=1"]},
    "arms": {
        "dense": ["model=ffn"],
        "moe": ["model=moe"],
        "oracle": ["model=moe", "model/router=oracle"],
    },
    "blocks": [{"arms": ["dense", "moe"]}, {"cells": ["hard"], "arms": ["oracle"]}],
    "baselines": ["dense"],
    "rates": [0.001, 0.01],
    "most_rates": 4,
    "tuning_seeds": [100],
    "seeds": [0, 1],
}


def test_blocks_say_which_arms_run_in_which_cells_and_nothing_says_all():
    study = from_config(PLAIN)
    easy = [("easy", "dense"), ("easy", "moe")]
    assert study.pairs == [*easy, ("hard", "dense"), ("hard", "moe"), ("hard", "oracle")]
    assert len(from_config({**PLAIN, "blocks": []}).pairs) == 6


def test_runs_are_numbered_and_a_study_cut_short_has_whole_comparisons():
    study = from_config(PLAIN)
    runs = trials(study, "comparison", {pair: [0.01] for pair in study.pairs}, first=7)
    assert [run.job for run in runs] == list(range(7, 17))
    assert [run.seed for run in runs] == [0] * 5 + [1] * 5
    wanted = ["data.noise=1", "model=moe", "model/router=oracle", "model.lr=0.01", "seed=1"]
    assert runs[-1].overrides(study) == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"baselines": ["dense", "dens"]}, "study.baselines: no arm 'dens'; did you mean 'dense'"),
        ({"blocks": [{"arms": ["mo"]}]}, "study.blocks: no arm 'mo'"),
        ({"blocks": [{"cells": ["hart"]}]}, "study.blocks: no cell 'hart'"),
        ({"seeds": []}, "study.seeds is empty"),
        ({"seeds": [100, 1]}, r"study.tuning_seeds and study.seeds share \[100\]"),
        ({"rates": [0.01, 0.001]}, r"study.rates=\[0.01, 0.001\] must rise"),
        ({"rates": []}, "must rise"),
        ({"tuning_seeds": []}, "study.tuning_seeds is empty"),
        ({"sead": 1}, "study: .*sead"),
    ],
)
def test_what_cannot_be_meant_is_one_line(change, message):
    with pytest.raises(InvalidSetting, match=message) as caught:
        from_config({**PLAIN, **change})
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named():
    with pytest.raises(InvalidSetting, match=r"study: .*seeds"):
        from_config({key: value for key, value in PLAIN.items() if key != "seeds"})


def test_a_rate_that_failed_on_every_seed_is_not_chosen():
    assert best_rate({0.1: [], 0.01: [0.5], 0.001: [0.4, 0.7]}) == 0.001
    assert best_rate({0.1: [0.5], 0.01: [0.5]}) == 0.01
    assert best_rate({0.1: [], 0.01: []}) == 0.01


@given(peak=st.floats(-5, 1), start=st.integers(-5, 0), most=st.integers(3, 12))
def test_the_grid_grows_until_its_best_rate_is_inside_or_enough_were_tried(peak, start, most):
    """Scores fall away from 10^peak on both sides."""

    def score(rate: float) -> list[float]:
        return [-abs(math.log10(rate) - peak)]

    scores = {10.0**e: score(10.0**e) for e in (start, start + 1, start + 2)}
    while new := more_rates(scores, most):
        assert len(new) == 1
        assert new[0] not in scores
        scores |= {rate: score(rate) for rate in new}
    assert len(scores) <= max(most, 3)
    best, tried = best_rate(scores), sorted(scores)
    if len(scores) < most:
        assert tried[0] < best < tried[-1]
        assert abs(score(best)[0]) <= 0.51


def test_a_record_says_what_it_was_told(tmp_path):
    study = from_config(PLAIN)
    runs = trials(study, "tuning", {("easy", "moe"): study.rates}, first=0)
    record = Record(study, runs, [("easy", "moe", 0.01)])
    record.write(tmp_path)
    assert read(tmp_path) == record
    assert read(tmp_path / "elsewhere") is None


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"study": {}, "trials": []})])
def test_another_file_is_no_record(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(InvalidSetting, match="is no record of a study"):
        read(tmp_path)
