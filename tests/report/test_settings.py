from triptych.report.settings import setting_key, setting_labels, shared_overrides, task_of
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


def test_the_task_is_what_chooses_the_data():
    key = key_of("ffn", "data=clusters", "data.num_groups=4", "database=1", "model.lr=1")
    assert task_of(key) == "data=clusters, data.num_groups=4"


def test_another_configuration_of_a_panel_is_called_by_its_own_name():
    keys = [key_of("moe", "model=notebook_moe", "seed=1"), key_of("ffn", "model=ffn")]
    assert list(setting_labels(keys).values()) == ["notebook_moe", "ffn"]
