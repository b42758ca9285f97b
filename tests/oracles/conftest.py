"""Other people's modules, imported once; a test that needs a missing one skips itself."""

import warnings
from types import ModuleType

import pytest


def imported(name: str) -> ModuleType:
    with warnings.catch_warnings():  # their warnings at import are not ours
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


@pytest.fixture(scope="session")
def mixtral() -> ModuleType:
    return imported("transformers.models.mixtral.modeling_mixtral")


@pytest.fixture(scope="session")
def switch_transformers() -> ModuleType:
    return imported("transformers.models.switch_transformers.modeling_switch_transformers")


@pytest.fixture(scope="session")
def megatron() -> ModuleType:
    return imported("megatron.core.transformer.moe.moe_utils")


@pytest.fixture(scope="session")
def deepspeed() -> ModuleType:
    return imported("deepspeed.moe.sharded_moe")


@pytest.fixture(scope="session")
def fairscale() -> ModuleType:
    return imported("fairscale.nn.moe.top2gate")
