"""A training that a signal ends in the midst of an epoch loses nothing of it."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from triptych.training.partial_epoch import part_of

from ..alike import same
from ..processes import together
from .partial import FIFTH, PANELS, in_two_parts, learn, on_a_rank
from .tiny import BATCHES, SAMPLES

PARTS = ("state_dict", "current_model_state", "averaging_state", "optimizer_states")
COUNTS = ("lr_schedulers", "global_step", "epoch")
pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")


@pytest.mark.parametrize("panel", PANELS)
def test_a_training_that_goes_on_is_bit_for_bit_the_one_that_never_stopped(
    panel: str, tmp_path: Path
) -> None:
    whole, logged = learn(tmp_path / "whole", panel)
    left, (resumed, later) = in_two_parts(tmp_path / "parts", panel, FIFTH)
    assert left["global_step"] == FIFTH + 1
    for part in (*PARTS, *COUNTS):
        same(resumed[part], whole[part])
    assert later == logged
    meters = [c["callbacks"]["Meter"] for c in (whole, resumed)]
    assert [m["samples"] for m in meters] == [2 * SAMPLES] * 2
    assert [m["steps_before"] for m in meters] == [BATCHES] * 2


def test_accumulated_gradients_become_a_step_before_the_end(tmp_path: Path) -> None:
    accumulating = {"accumulate_grad_batches": 3}
    whole, _ = learn(tmp_path / "whole", "ffn", **accumulating)
    left, (resumed, _) = in_two_parts(tmp_path / "parts", "ffn", 0, **accumulating)
    assert left["global_step"] == 1
    for part in (*PARTS, *COUNTS):
        same(resumed[part], whole[part])


def test_ranks_save_the_same_step_whichever_of_them_got_the_signal(tmp_path: Path) -> None:
    folder = tmp_path / "found"
    folder.mkdir()
    first, second = together(partial(on_a_rank, tmp_path), 2, folder)
    left, (resumed, later) = first["parts"]
    assert left["global_step"] == FIFTH + 1
    assert not torch.equal(*(part["own"]["random_cpu"] for part in left["partial_epoch"]))
    for part in (*PARTS, *COUNTS):
        same(resumed[part], first["whole"][0][part])
    assert later == first["whole"][1] == second["parts"][1][1]


def test_a_checkpoint_between_two_epochs_knows_of_no_part(tmp_path: Path) -> None:
    whole, _ = learn(tmp_path, "ffn", max_epochs=1)
    assert "partial_epoch" not in whole


def saved(losses: list[float], right: list[int], sizes: list[int]) -> dict[str, Any]:
    return {
        "means": {"losses": torch.tensor(losses)},
        "sums": {
            "right": torch.tensor(right),
            "sizes": torch.tensor(sizes),
            "flops": torch.ones(1),
        },
        "own": {"random_cpu": torch.zeros(1)},
    }


def test_each_process_goes_on_with_its_own_part() -> None:
    parts = [saved([1.0, 2.0], [3, 1], [4, 4]), saved([3.0, 2.0], [2, 4], [4, 4])]
    for rank in range(2):
        same(vars(part_of(parts, rank, 2)), parts[rank])


def test_other_processes_share_what_there_was() -> None:
    parts = [saved([1.0, 2.0], [3, 1], [4, 4]), saved([3.0, 2.0], [2, 4], [4, 4])]
    alone = part_of(parts, 0, 1)
    same(alone.means, {"losses": torch.tensor([2.0, 2.0])})
    same(alone.sums, {**saved([], [5, 5], [8, 8])["sums"], "flops": torch.tensor([2.0])})
    assert not alone.own
    four = [part_of(parts, rank, 4) for rank in range(4)]
    assert [part.sums["right"].tolist() for part in four] == [[2, 2], [1, 1], [1, 1], [1, 1]]
    assert [part.sums["sizes"].tolist() for part in four] == [[2, 2]] * 4
    assert [part.sums["flops"].item() for part in four] == [0.5] * 4
