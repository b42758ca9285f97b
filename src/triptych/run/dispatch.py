"""How experts get their samples on this machine."""

import torch

from triptych.moe import StackedMLP
from triptych.moe.dispatch.auto import choose
from triptych.moe.native.operator import operator_if_built


def dispatch() -> str:
    """What `model/dispatch=auto` takes for stacked experts on the CPU, in words."""
    return choose(torch.empty(1, 1), StackedMLP(1, 1, 1, d_hidden=1), operator_if_built())[1]
