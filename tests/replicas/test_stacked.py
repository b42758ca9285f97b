"""What is common to all stacks: whose tensors are whose, and which modules can be together."""

import pytest
import torch
from torch import nn

from triptych.errors import IncompatibleSettings
from triptych.moe import MoE, SoftmaxTopK, StackedMLP
from triptych.replicas import Chances, held, link, stack
from triptych.replicas.stacked import alike
from triptych.sparse import MaskedLinear, uniform_mask


def net(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    mask = uniform_mask(4, 4, 0.5, torch.Generator().manual_seed(seed))
    router, experts = SoftmaxTopK(4, 3, top_k=2), StackedMLP(3, 4, 4, d_hidden=5)
    return nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), MaskedLinear(mask), MoE(router, experts))


def linked() -> tuple[list[nn.Sequential], nn.Module]:
    members = [net(seed) for seed in range(3)]
    stacked = stack(members, Chances())
    link(stacked)
    return members, stacked


def changes_show(members: list[nn.Sequential], stacked: nn.Module) -> None:
    """Every tensor of each member is a part of the stack, in both directions."""
    own = {id(module) for member in members for module in member.modules()}
    tensors = sum(len([*m.parameters(), *m.buffers()]) for m in members)
    assert sum(len(item.owners) for item in held(stacked)) == tensors
    for item in held(stacked):
        for r, owner in enumerate(item.owners):
            assert id(owner) in own
            part = item.parts()[r]
            tensor = getattr(owner, item.name)
            assert tensor.dtype == item.stacked.dtype
            assert tensor.data_ptr() == part.data_ptr()
            with torch.no_grad():
                tensor.fill_(1)
                assert (part == 1).all()
                item.stacked.zero_()
                assert not tensor.any()


def test_linking_changes_no_number():
    members, before = [net(seed) for seed in range(3)], [net(seed) for seed in range(3)]
    link(stack(members, Chances()))
    for member, old in zip(members, before, strict=True):
        for (name, value), expected in zip(
            member.state_dict().items(), old.state_dict().values(), strict=True
        ):
            assert torch.equal(value, expected), name


def test_what_happens_to_a_member_happens_to_its_part_of_the_stack_and_back():
    changes_show(*linked())


def test_a_stack_that_moved_is_linked_again():
    members, stacked = linked()
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in members]
    stacked.to(torch.float64)
    link(stacked)
    for member, old in zip(members, before, strict=True):
        for name, value in member.state_dict().items():
            assert torch.equal(value, old[name].to(value.dtype)), name
    changes_show(members, stacked)


def test_the_parameters_that_an_optimizer_would_get_stay_the_members_own():
    members = [net(seed) for seed in range(3)]
    before = [id(p) for m in members for p in m.parameters()]
    link(stack(members, Chances()))
    assert [id(p) for m in members for p in m.parameters()] == before


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (nn.Linear(3, 4), nn.Linear(3, 5), r"Linear \(weight \(4, 3\), bias \(4,\)\) is not Lin"),
        (nn.Linear(3, 4), nn.Linear(3, 4, bias=False), r"bias \(4,\)\) is not Linear \(weight"),
        (nn.ReLU(), nn.GELU(), "ReLU is not GELU"),
    ],
)
def test_modules_of_other_kind_or_shape_are_refused_in_one_line(first, second, told):
    with pytest.raises(IncompatibleSettings, match=told) as refused:
        alike([first, first, second])
    assert "\n" not in str(refused.value)
    assert "train them as runs of their own" in str(refused.value)


def test_a_difference_deep_inside_is_found():
    narrow, wide = ([nn.Linear(3, width), nn.Linear(width, 3)] for width in (4, 5))
    with pytest.raises(IncompatibleSettings, match="replicas must be nets of one shape"):
        stack([nn.Sequential(*narrow), nn.Sequential(*wide)], Chances())
    with pytest.raises(IncompatibleSettings, match="ReLU is not Tanh"):
        stack([nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())], Chances())
