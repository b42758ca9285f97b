from io import BytesIO

import numpy as np
from PIL.Image import open as picture

from triptych.tracking.heatmap import heatmap


def pixels(routes: list[list[int]]) -> np.ndarray:
    png = heatmap(["sinusoid", "steps"], {"layer": "block_0", "topk_by_family": routes})
    return np.asarray(picture(BytesIO(png)).convert("RGB"))


def area(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(axis=2) < 8).sum())


DARK, BRIGHT = (68, 1, 84), (253, 231, 37)  # the two ends of viridis


def test_an_expert_with_all_routes_of_a_family_is_bright_and_one_with_none_is_dark() -> None:
    image = pixels([[4, 0], [0, 9]])
    assert area(image, DARK) > 0.2 * area(image, BRIGHT) > 1000


def test_equal_shares_are_neither() -> None:
    apart, equal = pixels([[4, 0], [0, 9]]), pixels([[4, 4], [1, 1]])
    assert area(equal, DARK) < area(apart, DARK) / 10
    assert area(equal, BRIGHT) < area(apart, BRIGHT) / 10


def test_no_routes_are_no_error() -> None:
    assert area(pixels([[0, 0], [1, 0]]), DARK) > 1000


def test_a_layer_is_as_wide_as_it_has_experts_up_to_a_limit() -> None:
    widths = [pixels([[1] * experts] * 2).shape[1] for experts in (8, 32, 512)]
    assert 2 * widths[0] < widths[1] < widths[2] < 3000
