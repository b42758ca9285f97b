from pathlib import Path

import pytest
import torch
from hydra.errors import ConfigCompositionException
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from triptych.cost import declared_cost, step_flops
from triptych.models import Classifier
from triptych.moe import MoE
from triptych.sparse import SparseLinear
from triptych.types import Cost

from ..built import BACKBONES, MODELS, network, signals
from ..composed import CONF
from ..routers import ROUTERS, choice

SAMPLES = 256


RECIPES = [(f"model={path.stem}",) for path in sorted(Path(CONF, "model").glob("*.yaml"))]
EVERY = [*dict.fromkeys([*MODELS.values(), *RECIPES, *map(choice, ROUTERS)])]


@pytest.mark.parametrize("model", EVERY, ids=" ".join)
def test_declared_flops_are_those_that_torch_counts_in_training(model: tuple[str, ...]) -> None:
    net = plain(*model)
    counted, shares = per_sample(net)
    assert declared_cost(net, shares).flops_executed == pytest.approx(counted)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_training_step_of_a_dense_net_takes_three_forward_passes(backbone: str) -> None:
    """With the gradient of the data, which nobody asks for and the convention counts."""
    net = network("model=ffn", f"model/backbone={backbone}")
    with FlopCounterMode(display=False) as counter:
        net(signals(SAMPLES).requires_grad_())[0].sum().backward()
    counted = counter.get_total_flops() / SAMPLES
    assert step_flops(declared_cost(net)).needed == pytest.approx(counted)


def plain(*model: str) -> Classifier:
    """With a dispatch that torch sees into, if it has one."""
    try:
        return network(*model, "model/dispatch=loop")
    except ConfigCompositionException:
        return network(*model)


@pytest.mark.parametrize("model", MODELS.values(), ids=" ".join)
def test_evaluation_executes_no_more_and_with_a_controller_only_what_is_needed(model) -> None:
    net = plain(*model).eval()
    counted, shares = per_sample(net)
    cost = declared_cost(net, shares)
    wanted = cost.flops if "controller" in model[0] else cost.flops_executed
    assert wanted == pytest.approx(counted)


def per_sample(net: Classifier) -> tuple[float, dict[str, list[float]]]:
    """FLOPs as torch counts them, and the share of samples per expert of each MoE layer."""
    with FlopCounterMode(display=False) as counter:
        _, decisions = net(signals(SAMPLES))
    shares = {f"blocks.{k}": (r.executed_load() / SAMPLES).tolist() for k, r in decisions.items()}
    by_operation = dict(counter.get_flop_counts()["Global"])
    if any(isinstance(layer, MoE) for layer in net.modules()):
        # Torch also counts the gates' weighted sum of answers, a bmm; we count weights alone.
        by_operation.pop(torch.ops.aten.bmm, None)
    return sum(by_operation.values()) / SAMPLES, shares


@pytest.mark.parametrize("model", MODELS.values(), ids=" ".join)
def test_declared_parameters_are_those_that_exist(model: tuple[str, ...]) -> None:
    net = network(*model)
    missing = sum(int((~m.mask).sum()) for m in net.modules() if isinstance(m, SparseLinear))
    exist = sum(p.numel() for p in net.parameters()) - missing
    assert declared_cost(net).params_total == exist


def test_the_dense_net_of_the_source_study() -> None:
    cost = declared_cost(network("model=notebook_ffn"))
    assert cost == Cost(44_244, 44_244, 87_680, 87_680)


def test_the_mixture_of_the_source_study() -> None:
    """N5, N8 and N14: its count of active parameters ignored k and the experts' different sizes."""
    net = network("model=notebook_moe")
    (layer,) = (m for m in net.modules() if isinstance(m, MoE))
    assert declared_cost(layer.router).params_total == 1_484
    assert [c.params_total for c in layer.experts.costs()] == [6_044, 12_524, 6_044, 6_044]
    assert declared_cost(net).params_total == 32_140
    for share, active in [
        ([1.0, 0.0, 1.0, 0.0], 13_572),
        ([0.0, 0.0, 1.0, 1.0], 13_572),
        ([0.0, 1.0, 0.0, 1.0], 20_052),
        ([0.5, 0.5, 0.5, 0.5], 1_484 + (3 * 6_044 + 12_524) / 2),
    ]:
        cost = declared_cost(net, {"blocks.net": share})
        assert (cost.params_active, cost.params_total) == (active, 32_140)


def test_more_experts_repeat_the_designs_of_the_source_study() -> None:
    """N15: the number of experts was fixed to four."""
    net = network("model=notebook_moe", "model.num_experts=6")
    router = 1_484 + 2 * (40 + 1)
    assert declared_cost(net).params_total == router + 4 * 6_044 + 2 * 12_524


def test_by_default_the_panels_have_equal_budgets() -> None:
    """N13 of the source study: its arms differed in size, recipe and depth."""
    panels = ("ffn", "sparse", "moe", "controller", "monarch")
    dense, sparse, moe, controller, monarch = (network(f"model={panel}") for panel in panels)
    costs = [declared_cost(block) for block in blocks(dense)]
    assert len(costs) == 2
    for block, wanted in zip(blocks(moe), costs, strict=True):
        assert isinstance(block, MoE)
        experts = block.cost(Cost(), block.uniform_share())
        assert experts.flops == wanted.flops == 2 * 2 * 32 * 64
    for block, wanted in zip(blocks(sparse), costs, strict=True):
        assert declared_cost(block).flops == wanted.flops
        layers = [m for m in block.modules() if isinstance(m, SparseLinear)]
        assert sum(layer.nonzeros for layer in layers) == 2 * 32 * 64
    for block, wanted in zip(blocks(controller), costs, strict=True):
        # scores 2 * (32 * 8 + 8 * 320), and 20 units with 2 * (32 + 32)
        assert declared_cost(block).flops == wanted.flops == 5632 + 2560
    for block, wanted in zip(blocks(monarch), costs, strict=True):
        cost = declared_cost(block)
        assert cost.flops == cost.flops_executed == wanted.flops
        biases = 224 + 32
        assert cost.params_total - biases == 2 * 32 * (32 + 224) / 4 == 2 * 32 * 64
    outside = [
        {k: v.shape for k, v in net.state_dict().items() if not k.startswith("blocks.")}
        for net in (dense, sparse, moe, controller, monarch)
    ]
    assert outside == [outside[0]] * 5


def blocks(net: nn.Module) -> list[nn.Module]:
    return list(net.get_submodule("blocks").children())


def test_layers_that_are_not_named_are_taken_as_balanced() -> None:
    net = network("model=moe")
    even = {f"blocks.block_{i}": [2 / 8] * 8 for i in range(2)}
    assert declared_cost(net) == declared_cost(net, even)
    assert declared_cost(net, {"another": [0.0] * 8}) == declared_cost(net)


def test_shares_reach_the_layer_that_they_name() -> None:
    """Only the deeper expert, in one layer of two: that layer alone costs more."""
    net = network("model=moe", "model/experts=specialists", "model.top_k=1")
    deep = [0.0, 1.0, *[0.0] * 6]
    balanced, one = declared_cost(net), declared_cost(net, {"blocks.block_1": deep})
    costs = next(m for m in net.modules() if isinstance(m, MoE)).experts.costs()
    mean = sum(c.params_total for c in costs) / 8
    assert one.params_active - balanced.params_active == costs[1].params_total - mean


def test_norms_have_parameters_but_no_flops() -> None:
    assert declared_cost(nn.LayerNorm(5)) == Cost(10, 10, 0, 0)
    assert declared_cost(nn.Linear(3, 2)) == Cost(8, 8, 12, 12)
    assert declared_cost(nn.Linear(3, 2, bias=False)) == Cost(6, 6, 12, 12)
    assert declared_cost(nn.ReLU()) == Cost()


def test_measuring_the_cost_changes_nothing() -> None:
    net = network("model=moe").eval()
    before = net(signals(4))[0]
    declared_cost(net)
    assert torch.equal(net(signals(4))[0], before)
