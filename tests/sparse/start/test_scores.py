"""Each score against its definition, spelled out on nets that are small enough."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from triptych.models import Residual, SparsePanel
from triptych.sparse import GraSP, MaskedLinear, SynFlow, full_masks
from triptych.sparse.start.dense import DenseCopy, dense_copy
from triptych.sparse.start.grasp import grasp_scores
from triptych.sparse.start.snip import snip_scores
from triptych.sparse.start.synflow import flow_scores, linearise

from .nets import chain, net, samples

STEP = 1e-5


def doubled() -> tuple[Tensor, Tensor]:
    x, y = samples()
    return x.double(), y


def slope(copy: DenseCopy, name: str, place: tuple[int, int], measure) -> float:
    """By central differences: of a number, with a factor on one weight, at the factor 1."""
    weight, ends = copy.weights[name], []
    for factor in (1 + STEP, 1 - STEP):
        old = weight.data[place].clone()
        weight.data[place] = old * factor
        ends.append(float(measure().detach()))
        weight.data[place] = old
    return (ends[0] - ends[1]) / (2 * STEP)


def places(copy: DenseCopy):
    for name, weight in copy.weights.items():
        for place in torch.cartesian_prod(*map(torch.arange, weight.shape)).tolist():
            yield name, tuple(place)


def test_snip_is_how_fast_the_loss_changes_with_a_factor_on_a_weight():
    copy, (x, y) = dense_copy(net()), doubled()
    scores = snip_scores(copy, x, y)
    for name, place in places(copy):
        wanted = abs(slope(copy, name, place, lambda: F.cross_entropy(copy.net(x), y)))
        assert float(scores[name][place]) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("temperature", [1.0, 7.0])
def test_grasp_is_the_weight_times_the_hessian_times_the_gradient(temperature):
    copy, (x, y) = dense_copy(net()), doubled()
    names = list(copy.weights)
    sizes = [copy.weights[n].numel() for n in names]
    flat = torch.cat([copy.weights[n].detach().flatten() for n in names])

    def loss(w: Tensor) -> Tensor:
        parts = zip(names, w.split(sizes), strict=True)
        given = {f"{n}.weight": part.view_as(copy.weights[n]) for n, part in parts}
        return F.cross_entropy(functional_call(copy.net, given, (x,)) / temperature, y)

    hessian = torch.autograd.functional.hessian(loss, flat)
    gradient = torch.autograd.functional.jacobian(loss, flat)
    wanted = -flat * (hessian @ gradient)
    ours = grasp_scores(copy, x, y, temperature)
    torch.testing.assert_close(torch.cat([ours[n].flatten() for n in names]), wanted)


def test_grasp_removes_the_weights_whose_removal_makes_the_gradient_larger():
    """Its score is half of what |g|^2 gains, to first order, as a weight goes to nothing."""
    network, (x, y) = net(), doubled()
    copy = dense_copy(network)

    def square() -> Tensor:
        found = copy.gradients(F.cross_entropy(copy.net(x), y), differentiable=False)
        return sum((g.square().sum() for g in found.values()), torch.zeros(()))

    gains = {key: -slope(copy, *key, square) / 2 for key in places(copy)}
    scores = grasp_scores(copy, x, y, 1.0)
    for (name, place), gain in gains.items():
        assert float(scores[name][place]) == pytest.approx(gain, rel=1e-4, abs=1e-10)
    # 6 x 5 and 5 x 6 places: of 60 the 12 highest go.
    start = GraSP(sparsity=0.2, kernel=MaskedLinear, samples=12, temperature=1.0)
    masks = start.masks(network, x.float(), y)
    gone = {key for key in gains if not masks[key[0]][key[1]]}
    assert gone == set(sorted(gains, key=gains.__getitem__)[-12:])


def matrices(network: nn.Module) -> list[Tensor]:
    return [m.matrix().double().abs() for m in network.modules() if isinstance(m, MaskedLinear)]


def flows(absolute: list[Tensor]) -> list[Tensor]:
    """By explicit products: what arrives at a weight, times it, times what leaves from there."""
    scores = []
    for i, w in enumerate(absolute):
        before, after = torch.ones(absolute[0].shape[1]).double(), torch.ones(len(absolute[-1]))
        for other in absolute[:i]:
            before = other @ before
        after = after.double()
        for other in reversed(absolute[i + 1 :]):
            after = after @ other
        scores.append(after[:, None] * w * before[None, :])
    return scores


@given(st.integers(0, 100))
def test_synflow_is_the_flow_through_a_weight_and_each_layer_carries_all_of_it(seed):
    network = chain(seed)
    copy = dense_copy(network)
    linearise(copy.net)
    ours = flow_scores(copy, torch.ones(1, 4).double())
    for score, wanted in zip(ours.values(), flows(matrices(network)), strict=True):
        torch.testing.assert_close(score, wanted)
    total = float(copy.net(torch.ones(1, 4).double()).sum().detach())
    assert [float(s.sum()) for s in ours.values()] == pytest.approx([total] * 3)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.8])
def test_synflow_leaves_out_a_part_at_a_time(sparsity):
    """24 + 30 + 15 = 69 places; by lists, with the flows of what is left in each round."""
    network, rounds = chain(), 10
    absolute = matrices(network)
    count = round((1 - sparsity) * 69)
    for done in range(1, rounds + 1):
        left = round(69 * (count / 69) ** (done / rounds))
        scores = flows(absolute)
        ranked = sorted(
            (
                (float(s), layer, i)
                for layer, f in enumerate(scores)
                for i, s in enumerate(f.view(-1))
            ),
            reverse=True,
        )
        for _, layer, i in ranked[left:]:
            absolute[layer].view(-1)[i] = 0
    start = SynFlow(sparsity=sparsity, kernel=MaskedLinear, rounds=rounds)
    masks = start.masks(network, *samples())
    assert sum(int(m.sum()) for m in masks.values()) == count
    for mask, weight in zip(masks.values(), absolute, strict=True):
        assert torch.equal(mask, weight > 0)


def test_synflow_keeps_every_layer_where_one_ranking_would_empty_one():
    """Layer collapse: 4 x 64, 64 x 64 and 64 x 3 places; 1 % are 45 weights."""
    network, x = chain(widths=(4, 64, 64, 3)), samples()
    masks = SynFlow(sparsity=0.99, kernel=MaskedLinear, rounds=100).masks(network, *x)
    assert sum(int(m.sum()) for m in masks.values()) == 45
    assert min(int(m.sum()) for m in masks.values()) >= 10
    assert all(weight.any() for weight in flows([m.double() for m in masks.values()]))


def test_synflow_measures_a_residual_net_without_its_normalisation():
    """With layer normalisation, scores before it would sum to 0, half of them negative."""
    torch.manual_seed(0)
    panel = SparsePanel(8, 0.1, 0.5, full_masks, MaskedLinear, 0)
    network = Residual(panel, 4, 3, d_model=6, depth=2)
    copy = dense_copy(network)
    linearise(copy.net)
    ones = torch.ones(1, 4).double()
    scores = flow_scores(DenseCopy(_first(copy.net), copy.weights), ones)
    assert all((score >= 0).all() for score in scores.values())
    up, down, *others = (float(score.sum()) for score in scores.values())
    assert [up, others[0]] == pytest.approx([down, others[1]])
    # By hand: x = |S| 1, then x + |D| |U| x twice, then |H|.
    layers = dict(copy.net.named_modules())
    x = layers["stem"].weight @ ones[0]
    for block in ("block_0", "block_1"):
        u, d = (layers[f"blocks.{block}.net.chain.{i}"].weight for i in (0, 3))
        x = x + d @ (u @ x)
    torch.testing.assert_close(copy.net(ones)[0][0], layers["head"].weight @ x)


def _first(network: nn.Module) -> nn.Module:
    class First(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return network(x)[0]

    return First()
