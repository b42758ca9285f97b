import pytest
import torch

from triptych.errors import IncompatibleSettings
from triptych.moe import (
    MoE,
    OracleRouter,
    StackedMLP,
    loop_dispatch,
    reference_dispatch,
    switch_loss,
)

from ...training.tiny import fit

FAMILY = torch.tensor([0, 1, 2, 3, 4, 0])


def test_a_family_has_one_expert_and_families_take_turns_where_there_are_more():
    decision = OracleRouter(4, 3, top_k=1)(torch.randn(6, 4), family=FAMILY)
    assert decision.experts[:, 0].tolist() == [0, 1, 2, 0, 1, 0]
    assert (decision.gates == 1).all()
    assert torch.equal(decision.probs.argmax(dim=1), decision.experts[:, 0])


def test_padding_has_no_gate_and_no_load():
    valid = torch.tensor([True, True, False, True, True, False])
    decision = OracleRouter(4, 3, top_k=1)(torch.randn(6, 4), valid, FAMILY)
    assert decision.gates[:, 0].tolist() == valid.float().tolist()
    assert decision.load().tolist() == [2, 2, 0]


def test_a_layer_gives_the_families_of_sequences_to_its_router():
    layer = MoE(OracleRouter(4, 3, top_k=1), StackedMLP(3, 4, 4, d_hidden=5))
    x, family = torch.randn(2, 3, 4), FAMILY.view(2, 3)
    y, decision = layer(x, family=family)
    assert decision.experts.view(2, 3).tolist() == [[0, 1, 2], [0, 1, 0]]
    flat, _ = layer(x.view(6, 4), family=FAMILY)
    assert torch.equal(y.view(6, 4), flat)


def test_there_is_nothing_to_learn_but_experts():
    experts = StackedMLP(3, 4, 4, d_hidden=5).double()
    layer = MoE(OracleRouter(4, 3, top_k=1), experts, loop_dispatch)
    x = torch.randn(6, 4, dtype=torch.double)
    y, decision = layer(x, family=FAMILY)
    assert not switch_loss(decision).requires_grad
    assert not list(layer.router.parameters())
    torch.testing.assert_close(y, reference_dispatch(x, decision, experts))


@pytest.mark.parametrize("top_k", [0, 2])
def test_it_takes_one_expert_only(top_k):
    with pytest.raises(IncompatibleSettings, match=f"top_k must be 1 .*got {top_k}"):
        OracleRouter(4, 3, top_k=top_k)


def test_without_families_it_says_what_it_needs():
    with pytest.raises(IncompatibleSettings, match="needs the family of every token"):
        OracleRouter(4, 3, top_k=1)(torch.randn(6, 4))


ORACLE = ("model=moe", "model/router=oracle", "model.top_k=1")


def test_in_training_and_evaluation_the_families_of_the_data_decide():
    module, data, runner = fit(*ORACLE)
    runner.test(module, data, verbose=False)
    for table in module.tables()["routing"]:
        experts = len(table["load"])
        for family, row in enumerate(table["topk_by_family"]):
            assert row[family % experts] == max(row) == sum(row)
