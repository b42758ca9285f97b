"""Other people's modules, imported once; without one its tests skip themselves, or, under STRICT=1,
fail."""

import os
import warnings
from importlib import import_module
from types import ModuleType

import pytest


def imported(name: str) -> ModuleType:
    with warnings.catch_warnings():  # their warnings at import are not ours
        warnings.simplefilter("ignore")
        strict = os.environ.get("STRICT") == "1"
        return import_module(name) if strict else pytest.importorskip(name)


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
