import importlib
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from .conftest import imported

pytestmark = pytest.mark.oracle

SCRIPTS = Path(__file__).parents[2] / "scripts"
MATRICES = 3 * 16 * 24  # of one SwiGLU expert
ROUTER = 4 * 16


@pytest.fixture
def subjects(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("moe_subjects")


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for package in ("transformers", "st_moe_pytorch", "mixture_of_experts"):
        imported(package)
    return importlib.import_module("moe_peers")


@pytest.fixture
def case(subjects):
    return subjects.Shape(tokens=48, width=16, hidden=24, experts=4, top_k=2)


@pytest.fixture
def works(peers, subjects, case):
    made = peers.peers(case, subjects.layer(case))
    assert [*made] == [peer.name for peer in peers.PEERS]
    return made


def test_each_implementation_of_transformers_computes_what_our_layer_does(works, subjects, case):
    ours = subjects.ours(case, subjects.layer(case))["loop"]
    same = [work for name, work in works.items() if name.startswith("transformers")]
    assert len(same) == 3
    for work in same:
        torch.testing.assert_close(work.forward(work.x), ours.forward(ours.x))
        for one, other in zip(work.run(), ours.run(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_eager_block_has_the_flops_of_the_dense_network_and_a_router(works, subjects, case):
    def flops(work) -> int:
        with FlopCounterMode(display=False) as counter:
            work.forward(work.x).backward(work.above)
        return counter.get_total_flops()

    router = 3 * 2 * case.tokens * ROUTER
    assert flops(works["transformers, eager"]) == flops(subjects.dense(case, 48)) + router


def test_experts_of_all_peers_have_as_many_weights_as_ours(works):
    for work in works.values():
        matrices = sum(p.numel() for p in work.parameters if p.ndim > 1)
        assert matrices == 4 * MATRICES + ROUTER


def test_peers_with_limited_room_give_gradients_to_all_and_drop_little(works, subjects, case):
    ours = subjects.ours(case, subjects.layer(case))["loop"]
    for name in ("st-moe-pytorch", "mixture-of-experts"):
        y = works[name].forward(works[name].x)
        assert y.shape == ours.forward(ours.x).shape
        assert ((y == 0).all(dim=1)).sum() == 0  # nobody lost both experts
        assert all(grad is not None and (grad != 0).any() for grad in works[name].run())
