import pytest
import torch

from triptych.errors import InvalidSetting
from triptych.moe import LinearScores, PatchScores


def test_scores_are_linear_in_the_sum_of_patches_whatever_their_order() -> None:
    scores, linear = PatchScores(12, 5, patches=4), LinearScores(3, 5)
    linear.load_state_dict(scores.state_dict())
    x = torch.randn(9, 4, 3)
    torch.testing.assert_close(scores(x.flatten(1)), linear(x.sum(dim=1)))
    torch.testing.assert_close(scores(x[:, [3, 1, 0, 2]].flatten(1)), scores(x.flatten(1)))


def test_patches_that_are_no_equal_parts_of_a_row_are_refused() -> None:
    with pytest.raises(InvalidSetting, match="patches=4 must divide a row of 6 features"):
        PatchScores(6, 5, patches=4)
