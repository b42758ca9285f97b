from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.tracking import config_for_loggers

CONFIG = {
    "seed": 0,
    "ckpt_path": None,
    "sweep": {"report": None},
    "logger": {"wandb": {"project": "p"}},
    "data": {"name": "table", "path": "a.csv", "target": "label", "files": ["a", "b"]},
    "model": {"router": {"top_k": 2}, "hidden": [160, 80], "d_token": 8, "tokens": "mean"},
    "trainer": {"default_root_dir": "logs/a", "max_epochs": 2},
    "callbacks": {"upload": {"hf_token": "x", "api_key": "x", "AWS_ACCESS_KEY_ID": "x"}},
}


def test_settings_stay_nested_and_loggers_paths_and_secrets_are_gone() -> None:
    assert config_for_loggers(CONFIG) == {
        "seed": 0,
        "data": {"name": "table", "target": "label"},
        "model": {"router": {"top_k": 2}, "hidden": [160, 80], "d_token": 8, "tokens": "mean"},
        "trainer": {"max_epochs": 2},
        "callbacks": {"upload": {}},
    }


@pytest.mark.parametrize(
    "place", ["/data/a", "~/a", "C:\\a", "s3://bucket/a", "https://me:key@host", "\\\\host\\a"]
)
def test_a_place_is_hidden_under_any_name(place: str) -> None:
    assert config_for_loggers({"source": place, "sources": [place, "b"]}) == {"sources": ["b"]}


@pytest.mark.parametrize("word", ["relu", "residual/pre", "a:b", "1e-3", "triptych.moe.MoE", ""])
def test_an_ordinary_word_stays(word: str) -> None:
    assert config_for_loggers({"kind": word}) == {"kind": word}


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(config=st.dictionaries(st.sampled_from(["model", "seed", "logger", "path"]), trees))
def test_the_given_configuration_is_left_as_it_was_and_twice_is_once(
    config: dict[str, Any],
) -> None:
    before = repr(config)
    once = config_for_loggers(config)
    assert repr(config) == before
    assert config_for_loggers(once) == once
    assert "logger" not in once
