"""The picture of a net is that of its modules."""

import pytest

from triptych.cost import declared_cost
from triptych.run.gallery.parts import parts

from ...built import D_IN, network


def test_a_dense_net_is_shown_in_the_order_of_its_calls():
    shown = parts(network("model=ffn"), D_IN)
    assert [part.text for part in shown.parts] == [
        "stem: Linear 32 → 32, 1,056",
        "LayerNorm 32 → 32, 64",
        "block_0 32 → 32",
        "LayerNorm 32 → 32, 64",
        "block_1 32 → 32",
        "head_norm: LayerNorm 32 → 32, 64",
        "head: Linear 32 → 4, 132",
    ]
    block = shown.parts[2]
    texts = ["Linear 32 → 64, 2,112", "ReLU 64 → 64", "Linear 64 → 32, 2,080"]
    assert [part.text for part in block.parts] == texts
    assert [part.special for part in (shown.parts[0], block, *block.parts)] == [False, *[True] * 4]


def test_a_sparse_layer_says_how_many_of_its_weights_exist():
    block = parts(network("model=sparse"), D_IN).parts[2]
    assert block.parts[0].text == "MaskedLinear 32 → 320, 20% of weights, 2,368"


@pytest.mark.parametrize(
    ("model", "experts"),
    [
        ("model=moe", "8 experts of 2,112; a sample meets 2"),
        ("model=notebook_moe", "4 experts of 6,044 or 12,524; a sample meets 2"),
    ],
)
def test_a_mixture_has_a_router_and_a_bank(model, experts):
    net = network(model)
    shown = parts(net, D_IN)
    layer = next(part for part in shown.parts if part.special)
    router, bank = layer.parts
    assert router.text.startswith("router: SoftmaxTopK")
    assert (bank.text, bank.copies) == (
        experts,
        len(next(iter(net.blocks.values())).experts.costs()),
    )
    cost = declared_cost(net)
    assert shown.text == (f"{cost.params_total:,.0f} parameters, {cost.params_active:,.0f} active")


def test_looking_leaves_no_hooks_and_the_same_mode():
    net = network("model=moe").train()
    parts(net, D_IN)
    assert net.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
