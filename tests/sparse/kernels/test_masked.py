import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from triptych.sparse import MaskedLinear, uniform_mask

Recipe = Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]

OPTIMIZERS: dict[str, Recipe] = {
    "sgd with momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-2),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=1e-2),
    "adam, fused": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=1e-2, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
}


def layer(d_out: int, d_in: int, sparsity: float, seed: int = 0) -> MaskedLinear:
    torch.manual_seed(seed)
    return MaskedLinear(uniform_mask(d_out, d_in, sparsity, torch.Generator().manual_seed(seed)))


def train(
    net: MaskedLinear,
    recipe: Recipe,
    steps: int = 12,
    accumulate: int = 1,
    clip: float | None = None,
    autocast: bool = False,
) -> torch.optim.Optimizer:
    optimizer = recipe(net.parameters())
    generator = torch.Generator().manual_seed(1)
    for step in range(steps * accumulate):
        x = torch.randn(16, net.mask.shape[1], generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = (net(x) - 1).square().mean() / accumulate
        loss.backward()
        if (step + 1) % accumulate == 0:
            if clip is not None:
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            optimizer.zero_grad()
    return optimizer


@pytest.mark.parametrize(
    "settings",
    [{}, {"autocast": True}, {"clip": 0.1}, {"accumulate": 3}],
    ids=["plain", "bf16 autocast", "clipped", "accumulated"],
)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_and_optimizer_state_stay_zero_outside_the_mask(name, settings):
    """Slides 5 and 6: a mask that is applied once is gone after one step of Adam."""
    net = layer(20, 30, 0.8)
    before, mask = net.weight.detach().clone(), net.mask.clone()
    optimizer = train(net, OPTIMIZERS[name], **settings)
    weight = net.weight.detach()
    assert (weight[~mask] == 0).all()
    assert (weight[mask] != before[mask]).all()
    state = [v for v in optimizer.state[net.weight].values() if v.shape == mask.shape]
    assert state
    for moment in state:
        assert (moment[~mask] == 0).all()
        assert (moment[mask] != 0).any()
    assert torch.equal(net.mask, mask)
    assert (net.nonzeros, net.density) == (120, 0.2)
    assert int(torch.count_nonzero(weight)) == 120


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 0.95), st.integers(0, 5))
def test_the_output_is_that_of_the_masked_matrix_with_all_gradients(d_out, d_in, sparsity, seed):
    net = layer(d_out, d_in, sparsity, seed).double()
    with torch.no_grad():  # what is under the mask must not matter
        net.weight.copy_(torch.randn(d_out, d_in))
    x = torch.randn(5, d_in, dtype=torch.double, requires_grad=True)
    grad = torch.randn(5, d_out, dtype=torch.double)
    y = net(x)
    y.backward(grad)
    live = net.weight.detach() * net.mask
    torch.testing.assert_close(y, x @ live.T + net.bias)
    torch.testing.assert_close(x.grad, grad @ live)
    torch.testing.assert_close(net.weight.grad, (grad.T @ x) * net.mask)
    torch.testing.assert_close(net.bias.grad, grad.sum(dim=0))


def test_gradients_are_those_of_finite_differences():
    net = layer(4, 5, 0.5).double()
    x = torch.randn(3, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *_: net(x), (x, net.weight, net.bias))


def test_without_sparsity_it_is_the_dense_layer_bit_for_bit():
    net, dense = layer(7, 9, 0.0), nn.Linear(9, 7)
    dense.load_state_dict({k: v for k, v in net.state_dict().items() if k != "live"})
    ours, theirs = (torch.linspace(-1, 1, 45).view(5, 9).requires_grad_() for _ in range(2))
    y, wanted = net(ours), dense(theirs)
    assert torch.equal(y, wanted)
    for out in (y, wanted):
        out.square().sum().backward()
    assert torch.equal(net.weight.grad, dense.weight.grad)
    assert torch.equal(net.bias.grad, dense.bias.grad)
    assert torch.equal(ours.grad, theirs.grad)


def test_without_sparsity_it_starts_as_the_dense_layer_does():
    torch.manual_seed(0)
    dense = nn.Linear(100, 80)
    for part in ("weight", "bias"):
        ours, theirs = (getattr(n, part).detach() for n in (layer(80, 100, 0.0), dense))
        assert float(ours.abs().max()) <= 0.1
        assert float(ours.std()) == pytest.approx(float(theirs.std()), rel=0.15)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.8, 0.95])
def test_the_variance_of_the_output_at_the_start_does_not_depend_on_the_sparsity(sparsity):
    """Slide 5: without rescaling the output's deviation fell from .58 to .13 at 95 %."""
    net = layer(400, 400, sparsity)
    x = torch.randn(200, 400, generator=torch.Generator().manual_seed(1))
    std = (net(x) - net.bias).detach().std()
    assert float(std) == pytest.approx(3**-0.5, rel=0.05)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_an_infinite_gradient_of_a_masked_weight_does_not_become_nan(value):
    net = MaskedLinear(torch.tensor([[True, False]]))
    net(torch.tensor([[2.0, value]])).backward(torch.ones(1, 1))
    assert torch.equal(net.weight.grad, torch.tensor([[2.0, 0.0]]))


def test_a_state_dict_brings_back_weights_and_mask():
    net, other = layer(6, 8, 0.5, seed=0), layer(6, 8, 0.5, seed=1)
    assert not torch.equal(net.mask, other.mask)
    other.load_state_dict(net.state_dict())
    assert torch.equal(net.mask, other.mask)
    x = torch.ones(2, 8)
    assert torch.equal(net(x), other(x))
    assert net.state_dict().keys() == {"live", "weight", "bias"}


def test_a_copy_is_as_sparse_as_the_original():
    net = copy.deepcopy(layer(6, 8, 0.5))
    train(net, OPTIMIZERS["adam"])
    assert int(torch.count_nonzero(net.weight.detach())) == 24


def test_a_layer_without_any_weight_gives_its_bias():
    net = MaskedLinear(torch.zeros(3, 4, dtype=torch.bool))
    y: Tensor = net(torch.randn(2, 4))
    assert torch.equal(y, net.bias.expand(2, 3))
    assert net.density == 0


def test_the_cost_counts_non_zeros_but_the_dense_kernel_executes_all():
    cost = layer(10, 20, 0.9).cost()
    assert cost.params_total == cost.params_active == 20 + 10
    assert (cost.flops, cost.flops_executed) == (40, 400)
