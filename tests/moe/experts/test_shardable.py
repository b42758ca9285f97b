import copy
from functools import partial

import pytest
import torch

from triptych.moe import PatchExperts, Specialists, StackedMLP

OWN = range(2, 5)


@pytest.mark.parametrize("bank", [StackedMLP, Specialists, partial(PatchExperts, patches=3)])
def test_a_bank_keeps_its_own_experts_under_their_names_and_tells_the_cost_of_all(bank) -> None:
    whole = bank(6, 3, 2, d_hidden=4, dropout=0.0)
    part = copy.deepcopy(whole)
    part.keep(OWN)
    x = torch.randn(5, 3)
    for ours, theirs in zip(part.each(), list(whole.each())[OWN.start : OWN.stop], strict=True):
        assert torch.equal(ours(x), theirs(x))
    assert part.costs() == whole.costs()
    before = dict(whole.named_parameters())
    assert {name for name, _ in part.named_parameters()} <= before.keys()
    held = sum(p.numel() for p in part.parameters())
    assert held < sum(p.numel() for p in before.values())
    assert all(isinstance(p, torch.nn.Parameter) for p in part.parameters())


def test_frozen_experts_stay_frozen() -> None:
    bank = StackedMLP(4, 3, 2, d_hidden=4)
    bank.up.requires_grad_(False)
    bank.keep(range(2))
    assert [p.requires_grad for p in (bank.up, bank.down)] == [False, True]
