"""What holds for every way to choose masks before the first step; enumerated from conf/."""

import copy
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, final

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    SNIP,
    AutoLinear,
    BlockLinear,
    CSRLinear,
    GraSP,
    MaskedLinear,
    Start,
    SynFlow,
    sparse_layers,
)
from triptych.sparse.start.start import everywhere

from .nets import chain, full, net, samples, sparse

CONF = Path(__file__).parents[3] / "conf" / "model" / "mask"
STARTS = sorted(path.stem for path in CONF.glob("*.yaml") if "start" in OmegaConf.load(path))
PLACES = 60  # of `net`

each_start = pytest.mark.parametrize("name", STARTS)


def start(name: str, sparsity: float = 0.8, kernel: Any = MaskedLinear, seed: int = 0) -> Start:
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))["start"]
    known = {"sparsity": sparsity, "kernel": kernel, "seed": seed}
    if "checkpoint" in node:
        known["checkpoint"] = str(trained(sparsity))
    fixed = {key: value for key, value in node.items() if key not in known}
    return instantiate(fixed)(**{k: v for k, v in known.items() if k in node})


@cache
def trained(sparsity: float, make: Callable[[], nn.Module] = net) -> Path:
    """A checkpoint of a net with masks, where a start wants one."""
    network = make()
    SynFlow(sparsity=sparsity, kernel=CSRLinear, rounds=3).begin(network, *samples())
    file = Path(mkdtemp()) / "last.ckpt"
    torch.save({"state_dict": network.state_dict()}, file)
    return file


def test_the_starts_are_found():
    assert set(STARTS) >= {"snip", "grasp", "synflow", "shuffled"}


@each_start
@given(sparsity=st.floats(0, 0.8), seed=st.integers(0, 20))
def test_the_whole_net_has_exactly_its_budget(name, sparsity, seed):
    network = net(seed)
    start(name, sparsity).begin(network, *samples())
    left = [layer.nonzeros for layer in sparse(network).values()]
    assert sum(left) == round((1 - sparsity) * PLACES)


@each_start
def test_a_layer_that_is_made_of_another_gets_the_masks_of_a_plain_one(name):
    plain, made = net(), net()
    kernel = partial(AutoLinear, block=16)
    for key, layer in sparse(plain).items():
        made.set_submodule(key, kernel(layer.mask))
        auto = made.get_submodule(key)
        with torch.no_grad():
            auto.weights.copy_(auto.pick(layer.matrix()))
            auto.bias.copy_(layer.bias)
    for network, how in ((plain, MaskedLinear), (made, kernel)):
        start(name, kernel=how).begin(network, *samples())
    assert sparse_layers(made).keys() == sparse(plain).keys()
    for key, layer in sparse_layers(made).items():
        assert isinstance(layer, AutoLinear)
        assert torch.equal(layer.mask, sparse(plain)[key].mask)
        assert torch.equal(layer.matrix(), sparse(plain)[key].matrix())


@each_start
@pytest.mark.parametrize("kernel", [MaskedLinear, CSRLinear])
def test_the_weights_that_stay_keep_their_first_values(name, kernel):
    network = net()
    before = copy.deepcopy(network)
    network.eval()
    start(name, kernel=kernel).begin(network, *samples())
    assert sparse(network).keys() == sparse(before).keys()
    for key, layer in sparse(network).items():
        old = sparse(before)[key]
        assert isinstance(layer, kernel)
        assert not layer.training
        assert torch.equal(layer.matrix(), torch.where(layer.mask, old.matrix(), 0.0))
        assert torch.equal(layer.bias, old.bias)
        assert layer.weights.numel() == (30 if kernel is MaskedLinear else layer.nonzeros)


@each_start
def test_the_choice_is_the_same_again_whatever_the_kernel_the_mode_and_the_threads(name):
    first = start(name).masks(net(), *samples())
    other = net().eval()
    torch.manual_seed(5)
    csr = nn.Sequential(*(CSRLinear(m.mask) if isinstance(m, MaskedLinear) else m for m in other))
    with torch.no_grad():
        for key, layer in sparse(csr).items():
            layer.weights.copy_(layer.pick(sparse(other)[key].matrix()))
            layer.bias.copy_(sparse(other)[key].bias)
    torch.set_num_threads(2)
    try:
        again = start(name).masks(csr, *samples())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert first.keys() == again.keys()
    assert all(torch.equal(mask, again[key]) for key, mask in first.items())
    elsewhere = start(name, seed=1).masks(net(seed=1), *samples())
    assert not all(torch.equal(mask, elsewhere[key]) for key, mask in first.items())


@each_start
def test_choosing_leaves_nothing_behind(name):
    network = net()
    network[0].eval()
    modes = [module.training for module in network.modules()]
    state = {key: value.clone() for key, value in network.state_dict().items()}
    random = torch.get_rng_state()
    start(name).masks(network, *samples())
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    start(name).begin(network, *samples())
    assert torch.equal(torch.get_rng_state(), random)
    assert [n for n, p in network.named_parameters() if p.grad is not None] == []
    assert all(p.requires_grad and p.dtype == torch.float for p in network.parameters())


@pytest.mark.parametrize("recipe", [SNIP, partial(GraSP, temperature=1.0)], ids=["snip", "grasp"])
def test_the_first_samples_alone_decide(recipe):
    x, y = samples(12)
    ours = recipe(sparsity=0.8, kernel=MaskedLinear, samples=8).masks(net(), x, y)
    alone = recipe(sparsity=0.8, kernel=MaskedLinear, samples=512).masks(net(), x[:8], y[:8])
    more = recipe(sparsity=0.8, kernel=MaskedLinear, samples=12).masks(net(), x, y)
    assert all(torch.equal(mask, alone[key]) for key, mask in ours.items())
    assert not all(torch.equal(mask, more[key]) for key, mask in ours.items())


def test_synflow_does_not_look_at_samples():
    (x, y), recipe = samples(), SynFlow(sparsity=0.8, kernel=MaskedLinear, rounds=5)
    ours, other = recipe.masks(net(), x, y), recipe.masks(net(), 9 * x[:1], y[:1])
    assert all(torch.equal(mask, other[key]) for key, mask in ours.items())


def collapsing() -> nn.Sequential:
    """Its first layer's weights are a billion times smaller than the others'."""
    network = chain(widths=(4, 6, 6, 3))
    with torch.no_grad():
        sparse(network)["0"].weights.mul_(1e-9)
        sparse(network)["0"].bias.fill_(1.0)
    return network


def test_a_layer_that_would_lose_all_its_weights_is_named_with_the_remedy():
    with pytest.raises(
        InvalidSetting, match=r"layer collapse: .*sparsity=0.9 .* layer 0 "
    ) as caught:
        SNIP(sparsity=0.9, kernel=MaskedLinear, samples=12).begin(collapsing(), *samples())
    for words in ("lower model.sparsity", "model/mask=erdos_renyi"):
        assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    SynFlow(sparsity=0.9, kernel=MaskedLinear, rounds=100).begin(collapsing(), *samples())


@each_start
def test_a_kernel_that_takes_no_such_masks_is_refused_in_the_rehearsal(name):
    network = nn.Sequential(full(8, 8))
    with pytest.raises(IncompatibleSettings, match=r"mask of whole blocks .* model/kernel=csr"):
        start(name, 0.5, partial(BlockLinear, block=4)).rehearse(network)
    start(name, 0.0, partial(BlockLinear, block=4)).rehearse(network)
    start(name, 0.5, CSRLinear).rehearse(network)
    assert sparse(network)["0"].nonzeros == 64


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        (SNIP, {"samples": 12, "sparsity": 1.0}, r"sparsity must be in \[0, 1\)"),
        (SNIP, {"samples": 0}, "samples=0 must be at least 1"),
        (GraSP, {"samples": 0, "temperature": 1.0}, "samples=0 must be at least 1"),
        (GraSP, {"samples": 1, "temperature": 0.0}, "temperature=0.0 must be greater than 0"),
        (SynFlow, {"rounds": 0}, "rounds=0 must be at least 1"),
    ],
)
def test_numbers_that_no_start_can_have_are_named(recipe, settings, message):
    with pytest.raises(InvalidSetting, match=message):
        recipe(**{"sparsity": 0.5, "kernel": MaskedLinear} | settings)


@final
class Threads(Start):
    """Notes with how many threads it chooses."""

    def choose(self, copy, x, y, count):
        self.seen = torch.get_num_threads()
        return everywhere(copy.weights)


def test_scores_are_summed_in_one_order_whatever_the_number_of_threads():
    """Ranks with other numbers of threads would round otherwise, and could choose other masks."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        way = Threads(sparsity=0.0, kernel=MaskedLinear)
        way.begin(net(0), *samples())
        assert (way.seen, torch.get_num_threads()) == (1, 2)
    finally:
        torch.set_num_threads(before)
