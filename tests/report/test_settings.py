import pytest

from triptych.report.settings import (
    setting_key,
    setting_keys,
    setting_labels,
    shared_overrides,
    task_labels,
)
from triptych.result import Result


def key_of(panel: str, *overrides: str):
    return setting_key(Result("finished", "x", panel, 0, list(overrides)))


def test_runs_that_differ_by_seed_devices_and_loggers_share_a_setting():
    plain = key_of("moe", "model=moe", "model.top_k=2")
    noisy = key_of("moe", "model.top_k=2", "seed=4", "trainer.devices=2", "logger=csv", "model=moe")
    assert plain == noisy
    assert key_of("moe", "hydra/launcher=x", "logger.wandb.mode=offline") == key_of("moe")


def test_a_default_panel_and_the_same_panel_typed_out_are_one_setting():
    assert key_of("ffn") == key_of("ffn", "model=ffn")


def test_a_key_that_only_begins_like_noise_is_kept():
    assert key_of("moe", "seed_noise=1") != key_of("moe")


def test_a_label_leaves_out_what_all_settings_share():
    keys = [key_of("moe", "model.top_k=1", "n=3"), key_of("moe", "model.top_k=2", "n=3")]
    assert list(setting_labels(keys).values()) == ["moe, top_k=1", "moe, top_k=2"]
    assert shared_overrides(keys) == [("n", "3")]


def test_a_single_setting_keeps_its_knobs_in_the_label():
    key = key_of("moe", "+model.top_k=2", "model/router=noisy")
    assert setting_labels([key])[key] == "moe, top_k=2, router=noisy"


def test_two_knobs_with_the_same_end_keep_their_whole_names():
    key = key_of("ffn", "model.lr=1", "optimizer.lr=2")
    assert setting_labels([key])[key] == "ffn, model.lr=1, optimizer.lr=2"


def test_without_a_configuration_the_task_is_what_was_typed_about_the_data():
    typed = ["data=clusters", "data.num_groups=4", "database=1", "model.lr=1"]
    runs = [Result("finished", "x", "ffn", 0, listed) for listed in (typed, [])]
    assert task_labels(runs) == ["data=clusters, num_groups=4", ""]


def recorded(*typed: str, seed: int = 0, data: object = None, **model: object) -> Result:
    config = {
        "seed": seed,
        "data": {"seed": seed, "n_train": 800, "batch_size": 32, **dict(data or {})},  # type: ignore[call-overload]
        "model": {"lr": 0.003, "panel": {"seed": seed}, **model},
        "callbacks": {"checkpoint": {"dirpath": f"runs/{seed}", "mode": "max"}},
        "trainer": {"devices": seed + 1},
        "logger": {"csv": {"folder": str(seed)}},
        "sweep": {"report": str(typed)},
    }
    return Result("finished", "x", "ffn", seed, list(typed), config=config)


def test_the_task_is_read_from_the_recorded_data_not_from_what_was_typed():
    runs = [recorded(), recorded("debug=fast", data={"n_train": 512})]
    assert task_labels(runs) == ["n_train=800", "n_train=512"]
    other = recorded("experiment=x", data={"scaling": {"_target_": "triptych.data.Unscaled"}})
    assert task_labels([recorded(), other]) == ["", "scaling=Unscaled"]


def test_batch_size_and_seed_do_not_split_a_task():
    runs = [recorded(seed=3), recorded("data.batch_size=64", data={"batch_size": 64})]
    assert task_labels(runs) == ["", ""]
    fixed = recorded("data.seed=0")
    assert task_labels([recorded(), fixed]) == ["", "seed=0"]


def test_a_typed_default_is_the_same_setting_under_the_shorter_name():
    keys = setting_keys([recorded("model.lr=0.003"), recorded(seed=1)])
    assert keys == [("ffn", ()), ("ffn", ())]
    assert setting_keys([recorded("model.lr=0.003")]) == [("ffn", (("model.lr", "0.003"),))]


@pytest.mark.parametrize("change", [{"lr": 0.001}, {"data": {"seed": 7}}])
def test_equal_overrides_with_another_configuration_are_told_apart(change):
    keys = setting_keys([recorded(), recorded(**change)])
    assert keys[0] != keys[1]
    assert len(set(setting_labels(keys).values())) == 2


def test_a_changed_default_is_named_in_the_label():
    keys = setting_keys([recorded(), recorded(lr=0.001), recorded(lr=0.001, seed=2)])
    assert list(setting_labels(keys).values()) == ["ffn, lr=0.003", "ffn, lr=0.001"]


def test_another_configuration_of_a_panel_is_called_by_its_own_name():
    keys = [key_of("moe", "model=notebook_moe", "seed=1"), key_of("ffn", "model=ffn")]
    assert list(setting_labels(keys).values()) == ["notebook_moe", "ffn"]
