from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn, tensor

from triptych.dense import MLP
from triptych.metrics import connections, followers
from triptych.sparse import CSRLinear, MaskedLinear


@st.composite
def masks(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Of two layers, the second on top of the first."""
    d_in, hidden, d_out = (draw(st.integers(1, 5)) for _ in range(3))
    row = st.lists(st.booleans(), min_size=d_in, max_size=d_in)
    first = draw(st.lists(row, min_size=hidden, max_size=hidden))
    row = st.lists(st.booleans(), min_size=hidden, max_size=hidden)
    return tensor(first), tensor(draw(st.lists(row, min_size=d_out, max_size=d_out)))


@given(masks())
def test_units_are_counted_as_one_would_by_hand(pair: tuple[Tensor, Tensor]) -> None:
    up, down = pair
    layer, following = MaskedLinear(up), CSRLinear(down)
    first, second = up.tolist(), down.tolist()
    fan_in = [sum(row) for row in first]
    heard = [any(row[unit] for row in second) for unit in range(len(first))]
    assert connections(layer, following) == {
        "least_fan_in": min(fan_in),
        "most_fan_in": max(fan_in),
        "dead_outputs": sum(not any(row) for row in first),
        "dead_inputs": sum(not any(column) for column in zip(*first, strict=True)),
        "dead_units": sum(
            not (any(row) and listens) for row, listens in zip(first, heard, strict=True)
        ),
    }


def test_a_dense_layer_listens_to_all_and_without_a_next_layer_nothing_is_said() -> None:
    layer = MaskedLinear(tensor([[True, True], [False, False]]))
    assert connections(layer, nn.Linear(2, 3))["dead_units"] == 1
    assert connections(layer, None)["dead_units"] is None
    assert connections(layer, None)["dead_outputs"] == 1


def test_a_layer_is_followed_by_the_next_linear_one_of_its_chain() -> None:
    layers = [MaskedLinear(tensor([[True] * 2] * 2)) for _ in range(2)]
    head = nn.Linear(2, 2)
    net = nn.Sequential(MLP([*layers, head], nn.ReLU, [0.5, 0.0]), nn.Linear(2, 2))
    assert followers(net) == {layers[0]: layers[1], layers[1]: head}
