import pytest
import torch

from triptych.moe import MoE
from triptych.training import MoEModule, SingleExperts
from triptych.training.callbacks.single_experts import routed_to

from ..tiny import fit


def test_each_expert_is_tried_on_all_samples_with_the_other_layers_as_they_are():
    """Against a pass whose experts are all the one that is tried."""
    module, data, runner = fit("model=moe", "model.top_k=1", callbacks=[SingleExperts()])
    assert isinstance(module, MoEModule)
    (scores,) = runner.test(module, data, verbose=False)
    layers = {n: m for n, m in module.network.named_modules() if isinstance(m, MoE)}
    test = data.splits.test
    for name, layer in layers.items():
        accuracies = []
        for expert in range(8):
            kept = [p.detach().clone() for p in layer.experts.parameters()]
            with torch.no_grad():
                for p, old in zip(layer.experts.parameters(), kept, strict=True):
                    p.copy_(old[expert].expand_as(old))
                with routed_to(layer, 3):  # whichever it is: all are equal now
                    logits = module.eval().network(test.x, test.family)[0]
                for p, old in zip(layer.experts.parameters(), kept, strict=True):
                    p.copy_(old)
            accuracies.append(float((logits.argmax(dim=1) == test.y).double().mean()))
        short = name.removeprefix("blocks.")
        assert scores[f"test/moe/{short}/best_single_expert"] == pytest.approx(max(accuracies))
        mean = sum(accuracies) / 8
        assert scores[f"test/moe/{short}/mean_single_expert"] == pytest.approx(mean)
    assert len({id(layer.router) for layer in layers.values()}) == 2


def test_looking_changes_no_other_number():
    both = []
    for callbacks in ([], [SingleExperts()]):
        module, data, runner = fit("model=moe", callbacks=callbacks)
        both.append(runner.test(module, data, verbose=False)[0])
    assert len(both[1]) == len(both[0]) + 4
    assert {key: both[1][key] for key in both[0]} == both[0]


def test_a_net_without_experts_logs_nothing():
    module, data, runner = fit("model=ffn", callbacks=[SingleExperts()])
    assert not [key for key in runner.test(module, data, verbose=False)[0] if "single" in key]


def test_one_expert_has_room_for_all_while_it_is_alone():
    """With room for a quarter of what an even load would be, most routes are dropped otherwise."""
    limited = ("model/capacity=position", "model.capacity.eval_factor=0.25")
    module, data, _ = fit("model=moe", "model.top_k=1", *limited)
    x, _, family = data.splits.test
    layer = next(m for m in module.network.modules() if isinstance(m, MoE))
    with routed_to(layer, 2):
        (first, second) = module.eval().network(x, family)[1].values()
    assert first.executed_load().tolist() == [0, 0, len(x), 0, 0, 0, 0, 0]
    assert second.executed_load().sum() < len(x)
