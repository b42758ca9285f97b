from functools import partial

import pytest
import torch

from triptych.errors import InvalidSetting
from triptych.moe import (
    Identity,
    MoE,
    PatchExperts,
    SoftmaxTopK,
    SwiGLU,
    loop_dispatch,
    reference_dispatch,
)


def bank(experts: int = 3, patches: int = 2, **settings) -> PatchExperts:
    torch.manual_seed(0)
    width = 3 * patches
    return PatchExperts(experts, width, 2, d_hidden=5, patches=patches, **settings).double()


def rows(patches: int, number: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(number, 3 * patches, generator=generator, dtype=torch.double)


def test_a_small_case() -> None:
    made = PatchExperts(1, 4, 2, d_hidden=2, patches=2)
    with torch.no_grad():  # two filters of the first output, then two of the second
        made.filters.copy_(torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0]]]))
    # patches (1, 2) and (0, -1); the first output: 1 + 8 + 0 - 1, the second: 27 + 8 - 1 + 0
    answer = made.each()[0](torch.tensor([[1.0, 2.0, 0.0, -1.0]]))
    assert torch.equal(answer, torch.tensor([[8.0, 34.0]]))


def test_the_order_of_patches_does_not_matter_and_what_is_in_them_does() -> None:
    x, expert = rows(4), bank(patches=4).each()[1]
    shuffled = x.unflatten(1, (4, 3))[:, [2, 0, 3, 1]].flatten(1)
    torch.testing.assert_close(expert(shuffled), expert(x))
    assert not torch.allclose(expert(x.roll(1, dims=1)), expert(x))


def test_without_a_cube_an_expert_is_one_linear_map_of_the_sum_of_patches() -> None:
    made, x = bank(patches=4, activation=Identity), rows(4)
    total = x.unflatten(1, (4, 3)).sum(dim=1)
    wanted = total @ made.filters[2].unflatten(0, (2, 5)).sum(dim=1).T
    torch.testing.assert_close(made.each()[2](x), wanted)


def test_each_filter_starts_as_a_linear_layer_does() -> None:
    torch.manual_seed(0)
    filters = PatchExperts(6, 4 * 25, 2, d_hidden=50, patches=4).filters.detach()
    assert filters.shape == (6, 2 * 50, 25)
    assert 0.95 * 0.2 < float(filters.abs().max()) <= 0.2  # 25 ** -0.5
    assert float(filters.var()) == pytest.approx(0.2**2 / 3, rel=0.1)
    assert len({float(part.sum()) for part in filters}) == 6


def test_a_mixture_of_them_is_the_same_by_every_way_that_rows_can_travel() -> None:
    x, router = rows(2, 40), SoftmaxTopK(6, 3, top_k=2).double()
    found = []
    for dispatch in (loop_dispatch, reference_dispatch):
        layer = MoE(router, bank(), dispatch)
        layer.zero_grad()
        layer(x)[0].square().sum().backward()
        found.append([p.grad.clone() for p in layer.parameters() if p.grad is not None])
    assert len(found[0]) == 2
    torch.testing.assert_close(found[0], found[1])


def test_dropout_works_in_training_only() -> None:
    made, x = bank(dropout=0.5), rows(2)
    expert = made.each()[0]
    assert not torch.equal(expert(x), expert(x))
    made.eval()
    assert torch.equal(expert(x), expert(x))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patches": 5}, "patches=5 must divide a row of 12 features"),
        ({"patches": 0}, "patches=0 must divide"),
        ({"d_hidden": 0}, "d_hidden must be at least 1, got 0"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"activation": SwiGLU}, "SwiGLU is gated"),
    ],
    ids=str,
)
def test_what_no_expert_can_be_is_named(settings, words) -> None:
    made = partial(PatchExperts, 2, 12, 2, **{"d_hidden": 4, **settings})
    with pytest.raises(InvalidSetting, match=words):
        made()
