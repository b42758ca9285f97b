import copy
import pickle
import subprocess
import sys

import pytest
from hydra.core.config_store import ConfigStore
from hydra.errors import ConfigCompositionException

from triptych.config import Config, register

from .composed import composed


@pytest.mark.parametrize("typo", ["sead=1", "models=moe", "optimizer.lrr=1", "model.topk=2"])
def test_a_typo_fails_at_once(typo: str) -> None:
    with pytest.raises(ConfigCompositionException, match=r"Could not override|Key"):
        composed(typo)


def test_a_number_of_the_root_must_be_one() -> None:
    with pytest.raises(ConfigCompositionException, match="seed=zero"):
        composed("seed=zero")


def test_the_roots_of_the_schema_are_those_of_the_configuration() -> None:
    register()
    register()  # again: nothing changes
    assert composed().keys() - {"hydra"} == set(vars(Config()))


def test_the_defaults_are_those_that_are_documented() -> None:
    config = composed()
    assert (config["seed"], config["model"]["name"], config["ckpt_path"]) == (0, "ffn", None)
    assert set(config["logger"]) == {"csv", "tables", "wandb"}
    assert config["data"]["_target_"] == "triptych.data.MultimodalData"
    assert config["model"]["backbone"]["build"]["_target_"] == "triptych.models.Residual"


def test_the_store_is_not_copied_for_each_group_that_help_lists() -> None:
    register()
    assert copy.deepcopy(ConfigStore.instance()) is ConfigStore.instance()


def test_a_copy_of_the_store_does_not_register_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--help` makes 200 copies: the schema built for each took half of its time."""
    register()
    monkeypatch.setattr("triptych.config.register", lambda: pytest.fail("registered again"))
    assert copy.deepcopy(ConfigStore.instance()) is ConfigStore.instance()


def test_a_process_that_knows_nothing_yet_learns_the_schema_from_a_pickled_store() -> None:
    register()
    store = pickle.dumps(ConfigStore.instance())
    code = "import pickle, sys; s = pickle.loads(sys.stdin.buffer.read()); print(*s.repo)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=store, capture_output=True, check=True
    )
    assert "schema.yaml" in done.stdout.decode().split()
