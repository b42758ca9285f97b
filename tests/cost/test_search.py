import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.cost import crossing, nearest

CURVES = st.lists(st.integers(0, 5), min_size=1, max_size=40)  # rises from width to width


@given(CURVES, st.integers(-3, 120), st.data())
def test_the_nearest_of_all_widths_is_found_from_wherever_the_search_sets_out(
    rises: list[int], budget: int, data: st.DataObject
) -> None:
    widths = range(16, 16 * (len(rises) + 1), 16)
    cost = {width: sum(rises[: i + 1]) for i, width in enumerate(widths)}
    start = data.draw(st.integers(0, len(rises) - 1))
    width, reached = nearest(cost.__getitem__, budget, widths, start)
    assert reached == cost[width]
    assert abs(reached - budget) == min(abs(value - budget) for value in cost.values())


@given(st.integers(0, 50), st.integers(1, 50), st.data())
def test_the_crossing_lies_between_neighbours_and_has_an_open_end_where_there_is_none(
    true: int, size: int, data: st.DataObject
) -> None:
    true = min(true, size)
    start = data.draw(st.integers(0, size - 1))
    low, high = crossing(lambda width: width < true, range(size), start)
    assert low == (true - 1 if true > 0 else None)
    assert high == (true if true < size else None)


@pytest.mark.parametrize("start", [0, 5, 400, 9_999])
def test_nothing_much_wider_than_the_answer_or_the_start_is_tried(start: int) -> None:
    tried: list[int] = []

    def cost(width: int) -> int:
        tried.append(width)
        return width

    assert nearest(cost, 700, range(10_000), start) == (700, 700)
    assert max(tried) <= max(2 * 700 + 1, start)
    assert len(tried) == len(set(tried)) < 26


def test_with_a_fineness_the_neighbours_may_be_that_far_apart() -> None:
    low, high = crossing(lambda width: width < 7777, range(10_000), 0, fineness=0.02)
    assert low is not None
    assert high is not None
    assert low < 7777 <= high <= low + 0.02 * low
