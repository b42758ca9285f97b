from collections.abc import Iterator

import pytest
import torch
from torch import nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.models import Controlled, DensePanel, Residual
from triptych.moe import MoE, Routing
from triptych.sparse import SparseLinear

from ..built import CLASSES, MODELS, network, signals


@pytest.mark.parametrize("model", MODELS.values(), ids=" ".join)
def test_every_model_gives_logits_and_the_decision_of_each_of_its_layers(model):
    net = network(*model).eval()
    logits, decisions = net(signals(10))
    assert logits.shape == (10, CLASSES)
    layers = {f"blocks.{name}" for name in decisions}
    assert layers == {n for n, m in net.named_modules() if isinstance(m, MoE | Controlled)}
    for routing in decisions.values():
        assert isinstance(routing, Routing)
        assert len(routing.probs) == 10


@pytest.mark.parametrize("model", MODELS.values(), ids=" ".join)
def test_no_parameter_is_in_two_places_and_no_two_layers_start_equal(model):
    net = network(*model)
    every = list(net.named_parameters(remove_duplicate=False))
    assert len(every) == len(list(net.parameters()))
    drawn = [p.detach() for _, p in every if p.ndim >= 2]
    assert len({float(p.sum()) for p in drawn}) == len(drawn)


@pytest.mark.parametrize("model", MODELS.values(), ids=" ".join)
def test_every_parameter_gets_a_gradient_even_if_no_sample_meets_it(model):
    """Else plain DDP waits for ever."""
    net = network(*model)
    net(signals(1))[0].square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("model", MODELS.values(), ids=" ".join)
def test_samples_do_not_meet_each_other(model):
    net = network(*model).eval()
    x = signals(9)
    one_by_one = torch.cat([net(row[None])[0] for row in x])
    torch.testing.assert_close(net(x)[0], one_by_one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", MODELS.values(), ids=" ".join)
def test_the_seed_alone_says_how_a_net_starts(model):
    torch.manual_seed(5)
    first, again = network(*model).state_dict(), network(*model).state_dict()
    other = network(*model, "seed=1").state_dict()
    assert all(torch.equal(v, again[k]) for k, v in first.items())
    assert not all(torch.equal(v, other[k]) for k, v in first.items())


def test_what_surrounds_the_panel_has_the_same_form_and_blocks_add_to_their_input():
    net = Residual(DensePanel(8, 0.0), 6, 3, d_model=4, depth=2).eval()
    for parameter in out_layers(net):
        nn.init.zeros_(parameter)
    x = torch.randn(5, 6)
    wanted = net.head(net.head_norm(net.stem(x)))
    assert torch.equal(net(x)[0], wanted)


def out_layers(net: Residual) -> Iterator[nn.Parameter]:
    """Weights and biases of each block's last layer: at zero the block changes nothing."""
    for block in net.blocks.values():
        yield from [m for m in block.modules() if isinstance(m, nn.Linear)][-1].parameters()


@pytest.mark.parametrize(("d_model", "depth"), [(0, 1), (4, 0)])
def test_sizes_that_no_backbone_can_have_are_named(d_model, depth):
    with pytest.raises(InvalidSetting, match="d_model and depth must be at least 1"):
        Residual(DensePanel(8, 0.0), 6, 3, d_model=d_model, depth=depth)


STEM = "model/backbone=residual_panel_stem"


def test_a_stem_of_the_panels_kind_is_sparse_in_a_sparse_net_and_dense_in_others():
    stem = network("model=sparse", STEM, "model.sparsity=0.75").stem
    assert isinstance(stem, SparseLinear)
    assert stem.density == pytest.approx(0.25, abs=0.01)
    for panel in ("ffn", "moe"):
        assert isinstance(network(f"model={panel}", STEM).stem, nn.Linear)
    assert isinstance(network("model=sparse").stem, nn.Linear)


def test_a_small_dense_net_has_no_stem_of_as_few_weights():
    with pytest.raises(IncompatibleSettings, match=r"smaller model\.backbone.build.d_model"):
        network("model=small_dense", STEM)
