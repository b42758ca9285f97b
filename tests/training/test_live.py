from hypothesis import given
from hypothesis import strategies as st

from triptych.training.live import LEVELS, MOST_EXPERTS, live_lines, load_bars

numbers = {"train/loss": 0.5, "val/loss": 0.25, "val/acc": 0.9}


def loads(*shares: float, layer: str = "block_0") -> dict[str, float]:
    return {f"val/moe/{layer}/load/{expert}": share for expert, share in enumerate(shares)}


def test_a_dense_net_shows_its_losses_and_accuracy() -> None:
    assert live_lines(numbers) == ["train/loss 0.5000   val/loss 0.2500   val/acc 0.9000"]


def test_before_the_first_epoch_there_is_nothing_to_show() -> None:
    assert live_lines({}) == []


def test_a_mixture_shows_the_load_of_each_layer_and_who_is_dead() -> None:
    metrics = loads(0.25, 0.5, 0.25, 0.0) | loads(0.25, 0.25, 0.25, 0.25, layer="block_1")
    assert live_lines(metrics | {"val/moe/block_0/load_gini": 0.3}) == [
        "block_0  ▄█▄·  largest load 2.0 x mean, 1 dead",
        "block_1  ▄▄▄▄  largest load 1.0 x mean",
    ]


def test_a_line_of_many_experts_has_numbers_only() -> None:
    many = MOST_EXPERTS + 1
    assert live_lines(loads(*[1 / many] * many)) == ["block_0  largest load 1.0 x mean"]


def test_a_sparse_net_shows_its_density_and_where_it_differs() -> None:
    metrics = {"val/density": 0.2, "val/density/block_0.1": 0.25, "val/density/block_0.2": 0.15}
    assert live_lines(metrics | {"train/sparse/explored": 0.4}) == [
        "density 0.200 (0.150 in block_0.2 to 0.250 in block_0.1), tried 0.400"
    ]
    even = {"val/density": 0.2, "val/density/a": 0.2, "val/density/b": 0.2}
    assert live_lines(even) == ["density 0.200"]


@given(load=st.lists(st.integers(0, 50), min_size=1, max_size=MOST_EXPERTS).filter(any))
def test_bars_are_ordered_as_loads_are(load: list[int]) -> None:
    total = sum(load)
    bars = [LEVELS.index(bar) for bar in load_bars([one / total for one in load])]
    assert len(bars) == len(load)
    assert all(
        a <= b
        for (a, x) in zip(bars, load, strict=True)
        for (b, y) in zip(bars, load, strict=True)
        if x < y
    )
    assert [bar == 0 for bar in bars] == [one == 0 for one in load]
