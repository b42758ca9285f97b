"""What a step on CUDA would wait for, found without a GPU: tensors here have shapes, no values.

Reading a value on the host (`item`, `tolist`, boolean indexing) fails on such tensors, and copies
of host numbers to a device are refused beside it. Kernels in C++ that wait are not seen.
"""

from functools import partial

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from triptych.moe import (
    Limited,
    LinearScores,
    MLPScores,
    MoE,
    SoftmaxTopK,
    StackedMLP,
    SwiGLU,
    TopKSoftmax,
    UnnormalisedTopK,
    by_position,
    by_score,
    grouped_dispatch,
    gshard_loss,
    importance_loss,
    loop_dispatch,
    sequence_loss,
    squared_deviation_loss,
    switch_loss,
    z_loss,
)

LOSSES = [
    switch_loss,
    gshard_loss,
    importance_loss,
    sequence_loss,
    squared_deviation_loss,
    z_loss,
]


@pytest.fixture(autouse=True)
def dropout_of_a_gpu(monkeypatch) -> None:
    """These tensors say that they are on the CPU, where dropout has numbers of the host."""
    monkeypatch.setattr("triptych.dropout._is_torchs", lambda _: True)


class HostNumberCopied(Exception):
    pass


class NoHostNumbers(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.lift_fresh.default:
            raise HostNumberCopied
        return func(*args, **(kwargs or {}))


def step(
    dispatch=grouped_dispatch,
    router=SoftmaxTopK,
    scores=LinearScores,
    capacity=None,
    loss=switch_loss,
    padding=False,
) -> None:
    """Forward, loss and backward of a layer, in bfloat16 as on a GPU."""
    with FakeTensorMode():
        experts = StackedMLP(4, 16, 8, d_hidden=24, dropout=0.1, activation=SwiGLU)
        moe = MoE(router(16, 4, top_k=2, scores=scores), experts, dispatch, capacity)
        x = torch.randn(3, 5, 16)
        valid = torch.ones(3, 5, dtype=torch.bool) if padding else None
        with NoHostNumbers():
            with torch.autocast("cpu", torch.bfloat16):
                y, routing = moe(x, valid)
            (y.sum() + loss(routing)).backward()


def test_a_dispatch_that_waits_is_found():
    """Else the tests below could not fail."""
    with pytest.raises(DataDependentOutputException):
        step(dispatch=loop_dispatch)
    with pytest.raises(HostNumberCopied):
        step(loss=lambda routing: torch.tensor(1.0) * routing.probs.sum())


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_no_balance_loss_waits(loss, padding):
    step(loss=loss, padding=padding)


@pytest.mark.parametrize("router", [SoftmaxTopK, UnnormalisedTopK, TopKSoftmax])
@pytest.mark.parametrize("scores", [LinearScores, partial(MLPScores, hidden=8, dropout=0.1)])
def test_no_router_waits(router, scores):
    step(router=router, scores=partial(scores, jitter=0.1))


@pytest.mark.parametrize("priority", [by_position, by_score])
@pytest.mark.parametrize("renormalise", [False, True])
def test_capacity_does_not_wait_where_there_is_no_padding(priority, renormalise):
    step(capacity=Limited(1.0, 1.0, priority, renormalise))
