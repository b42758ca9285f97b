"""Recipes that a net calls in each step are plain functions."""

import functools
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from triptych.moe import switch_loss
from triptych.run.build import build_data, build_module
from triptych.run.recipes import call_plainly, plain

from ..composed import composed


def recipe(target: str, **arguments: Any) -> Any:
    return instantiate({"_target_": target, "_partial_": True, **arguments})


def test_a_recipe_without_arguments_is_its_function() -> None:
    assert plain(recipe("triptych.moe.switch_loss")) is switch_loss


def test_arguments_stay_and_recipes_in_them_become_plain_too() -> None:
    made = plain(recipe("builtins.dict", a=1, b=recipe("triptych.moe.switch_loss")))
    assert type(made) is functools.partial
    assert made() == {"a": 1, "b": switch_loss}


@pytest.mark.parametrize("other", [3, None, switch_loss, nn.Linear])
def test_what_is_no_recipe_stays_as_it_is(other: object) -> None:
    assert plain(other) is other


def test_all_modules_of_a_net_are_looked_through() -> None:
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU()))
    inner = net[1][0]
    inner.recipe = recipe("triptych.moe.switch_loss")
    call_plainly(net)
    assert inner.recipe is switch_loss


@pytest.mark.parametrize("model", ["moe", "sparse", "notebook_moe", "deepseek", "controller"])
def test_a_built_module_keeps_no_recipe_that_is_checked_in_each_call(model: str) -> None:
    config = composed(f"model={model}", "data.n_train=64", "data.n_val=16", "data.n_test=16")
    module = build_module(config, build_data(config))
    kept = [v for m in module.modules() for v in vars(m).values()]
    kinds = {type(value) for value in kept if isinstance(value, functools.partial)}
    assert kinds <= {functools.partial}
    assert isinstance(module, torch.nn.Module)
