"""With one process; tests/moe/parallel has several."""

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import example, given, settings
from torch import distributed as dist

from triptych.moe import ExpertParallel, MoE, loop_dispatch

from ..cases import BANKS, Shape, layer, shapes, tokens


@pytest.fixture(scope="module")
def group() -> Iterator[dist.ProcessGroup]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    assert dist.group.WORLD is not None
    yield dist.group.WORLD
    dist.destroy_process_group()


@pytest.mark.parametrize("bank", BANKS)
@settings(max_examples=25)
@given(shape=shapes())
@example(shape=Shape(0, 3, 2, 4, 4, 2, 0))
def test_a_single_rank_answers_as_without_a_group(group, bank, shape) -> None:
    local = layer(shape, bank)
    remote = MoE(copy.deepcopy(local.router), copy.deepcopy(local.experts))
    remote.dispatch = ExpertParallel(loop_dispatch, group)
    found = []
    for moe in (local, remote):
        x = tokens(shape).requires_grad_()
        y = moe(x)[0]
        y.square().sum().backward()
        found.append([y, x.grad, *(p.grad for p in moe.parameters())])
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)
