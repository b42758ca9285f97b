import io
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    AutoLinear,
    BlockLinear,
    CSRLinear,
    NarrowLinear,
    sparse_layers,
    uniform_mask,
)
from triptych.sparse.kernels import choosing
from triptych.sparse.kernels.auto import DENSE, LAYOUT
from triptych.sparse.kernels.choosing import kind_of

EYE = torch.eye(4, dtype=torch.bool)
WHOLE = torch.ones(2, 2, dtype=torch.bool)
SCATTERED = uniform_mask(8, 12, 0.5, torch.Generator().manual_seed(0))
BLOCKS = torch.kron(EYE, WHOLE).bool()


def auto(mask: Tensor = SCATTERED, block: int = 2) -> AutoLinear:
    torch.manual_seed(0)
    return AutoLinear(mask, block=block)


@pytest.mark.parametrize(
    ("mask", "block", "layout"),
    [
        (torch.ones(4, 6, dtype=torch.bool), 2, NarrowLinear),
        (torch.zeros(4, 6, dtype=torch.bool), 2, NarrowLinear),
        (BLOCKS, 2, BlockLinear),
        (BLOCKS, 4, CSRLinear),
        (BLOCKS, 3, CSRLinear),
        (EYE, 1, CSRLinear),
    ],
)
def test_the_layout_follows_from_the_mask_alone(mask, block, layout):
    assert isinstance(auto(mask, block).inner, layout)


def test_a_block_width_below_1_is_named():
    with pytest.raises(InvalidSetting, match=r"model.block=0"):
        auto(block=0)


def test_each_kind_of_call_is_measured_once(monkeypatch):
    """Counted by the products that are tried, not by a clock."""
    measured: list[set[str]] = []
    real = choosing.least_seconds

    def noted(calls: Mapping[str, Callable[[], object]], device: torch.device) -> dict[str, float]:
        measured.append(set(calls))
        return real(calls, device)

    monkeypatch.setattr(choosing, "least_seconds", noted)
    layer = auto()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for rows in (9, 16, 12):
        layer(torch.randn(rows, 12)).sum().backward()
        optimizer.step()
    layer.place(SCATTERED.flip(0))
    layer(torch.randn(16, 12))
    assert measured == [{LAYOUT, DENSE}]
    with torch.no_grad():
        layer(torch.randn(16, 12))
    layer(torch.randn(17, 12))
    layer(torch.randn(3, 5, 12))
    layer(torch.randn(0, 12))
    assert measured == [{LAYOUT, DENSE}] * 3
    assert set(layer.chosen) == {
        "cpu torch.float32 autocast None rows 16 training",
        "cpu torch.float32 autocast None rows 16 inference",
        "cpu torch.float32 autocast None rows 32 training",
    }


def test_autocast_is_another_kind_of_call():
    x = torch.zeros(2, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert kind_of(x) == "cpu torch.float32 autocast torch.bfloat16 rows 2 training"
    assert kind_of(x[0]) == "cpu torch.float32 autocast None rows 1 training"


def test_measuring_leaves_no_trace():
    layer = auto()
    x = torch.randn(8, 12, requires_grad=True)
    state = torch.get_rng_state()
    layer(x)
    assert len(layer.chosen) == 1
    assert torch.equal(torch.get_rng_state(), state)
    assert x.grad is None
    assert all(p.grad is None for p in layer.parameters())
    assert layer.probe is None


@pytest.mark.parametrize("choice", [LAYOUT, DENSE])
def test_what_was_chosen_is_executed_and_declared_and_survives_a_checkpoint(choice):
    layer, again = auto(), auto(SCATTERED.flip(0))
    assert (layer.executes, layer.cost().flops_executed) == ("auto (csr)", 2 * 48)
    x = torch.randn(8, 12)
    layer.chosen[kind_of(x)] = choice
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert again.chosen == layer.chosen
    for which in (layer, again):
        grad = which(x).grad_fn
        assert grad is not None
        assert ("Addmm" in grad.name()) == (choice == DENSE)
    words, flops = {LAYOUT: ("", 2 * 48), DENSE: (", as a dense product", 2 * 96)}[choice]
    assert (again.executes, again.cost().flops_executed) == (f"auto (csr{words})", flops)
    assert again.cost().flops == 2 * 48


def test_the_choice_for_the_largest_training_batch_is_declared():
    layer = auto()
    for rows, choice in ((1024, LAYOUT), (8, DENSE), (64, LAYOUT)):
        layer.chosen[kind_of(torch.zeros(rows, 12))] = choice
    with torch.no_grad():
        layer.chosen[kind_of(torch.zeros(4096, 12))] = DENSE
    assert layer.chosen_for_training() == LAYOUT


def test_a_mask_that_the_layout_cannot_hold_is_refused_with_the_remedy():
    layer = auto()
    layer.place(SCATTERED.flip(0))
    assert torch.equal(layer.mask, SCATTERED.flip(0))
    with pytest.raises(IncompatibleSettings, match=r"auto keeps .* take model/kernel=masked"):
        layer.place(torch.ones(8, 12, dtype=torch.bool))


def test_a_net_has_one_sparse_layer_where_another_is_inside():
    shared = CSRLinear(SCATTERED)
    net = nn.Sequential(auto(), nn.ReLU(), shared, nn.Sequential(shared))
    assert sparse_layers(net) == {"0": net[0], "2": shared}
    assert sparse_layers(net[0]) == {"": net[0]}
