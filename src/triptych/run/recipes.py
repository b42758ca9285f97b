"""Hydra's recipes as the plain functions that they are made of."""

import functools
from typing import Any

from torch import nn


def call_plainly(net: nn.Module) -> None:
    """Replaces the recipes that a net's modules keep and call, such as a dispatch or a loss.

    Hydra checks in each call of a `_partial_: true` whether its target is allowed, as it did when
    it was built: 40 microseconds, five times a layer in each step of a mixture.
    """
    for module in net.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, functools.partial):
                setattr(module, name, plain(value))


def plain(recipe: Any) -> Any:
    """A recipe without its checks, and so those in its arguments; anything else as it is.

    >>> plain(functools.partial(max, 3))(2)
    3
    """
    if not isinstance(recipe, functools.partial):
        return recipe
    args = [plain(value) for value in recipe.args]
    keywords = {key: plain(value) for key, value in recipe.keywords.items()}
    return functools.partial(recipe.func, *args, **keywords) if args or keywords else recipe.func
