import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from triptych.errors import InvalidSetting
from triptych.result import Result, write
from triptych.study import Study, Trial, from_config
from triptych.sweep.jobs import is_swept
from triptych.sweep.origins import checkpoint_of, filled, levels, origin_of

from ..test_study import PLAIN


def chained(**arms: list[str]) -> Study:
    cells = {"easy": ["data.noise=0"], "hard": ["data.noise=1"]}
    return from_config({**PLAIN, "cells": cells, "arms": arms, "blocks": [], "baselines": []})


def test_an_arm_comes_after_those_it_starts_from_wherever_it_stands():
    study = chained(
        last=["a={middle}"], first=["model=ffn"], middle=["b={first}", "c={other}"], other=[]
    )
    assert [sorted({arm for _, arm in level}) for level in levels(study)] == [
        ["first", "other"],
        ["middle"],
        ["last"],
    ]
    assert all({cell for cell, _ in level} == {"easy", "hard"} for level in levels(study))


def test_without_names_of_arms_there_is_one_level_in_the_order_of_the_pairs():
    study = from_config(PLAIN)
    assert levels(study) == [study.pairs]


@pytest.mark.parametrize(
    ("arms", "line"),
    [
        (
            {"rigl": [], "new": ["a={rigI}"]},
            "study.arms.new: no arm 'rigI' for {rigI}; did you mean 'rigl'?",
        ),
        (
            {"a": ["x={b}"], "b": ["x={a}"]},
            "study.arms: a <- b <- a: an arm cannot start from itself",
        ),
        ({"a": ["x={a}"]}, "study.arms: a <- a: an arm cannot start from itself"),
    ],
)
def test_an_arm_that_cannot_start_is_one_line(arms, line):
    with pytest.raises(InvalidSetting) as caught:
        levels(chained(**arms))
    assert str(caught.value) == line


def test_an_arm_that_starts_from_one_of_another_cell_is_one_line():
    study = from_config({**PLAIN, "arms": {**PLAIN["arms"], "moe": ["x={oracle}"]}})
    line = r"^study.arms.moe names \{oracle\}, which does not run in the cell 'easy': add it.*$"
    with pytest.raises(InvalidSetting, match=line):
        levels(study)


@pytest.mark.parametrize(
    "path",
    [
        "runs/3/best.ckpt",
        "my runs/lr=0.1, it's {odd}/best.ckpt",
        "a,b/[c]/(d)/e:f.ckpt",
        'x"y.ckpt',
    ],
)
def test_hydra_reads_the_very_path_of_a_checkpoint(path):
    (override,) = filled(["a.checkpoint={rigl}"], {"rigl": path}.__getitem__)
    (parsed,) = OverridesParser.create().parse_overrides([override])
    assert parsed.value() == path
    assert not is_swept(override)


def test_several_checkpoints_can_be_a_list():
    (override,) = filled(["a=[{x},{y}]"], {"x": "1, 2.ckpt", "y": "3.ckpt"}.__getitem__)
    (parsed,) = OverridesParser.create().parse_overrides([override])
    assert parsed.value() == ["1, 2.ckpt", "3.ckpt"]


def test_a_run_starts_from_that_of_its_own_stage_cell_and_seed_at_the_rate_that_was_chosen():
    wanted = Trial(5, "tuning", "easy", "rigl", 0.1, 100)
    others = [
        Trial(0, "tuning", "easy", "rigl", 0.2, 100),
        Trial(1, "tuning", "easy", "rigl", 0.1, 101),
        Trial(2, "tuning", "hard", "rigl", 0.1, 100),
        Trial(3, "tuning", "easy", "set", 0.1, 100),
        Trial(4, "comparison", "easy", "rigl", 0.1, 100),
    ]
    chosen = {("easy", "rigl"): 0.1, ("hard", "rigl"): 0.2, ("easy", "set"): 0.1}
    mine = Trial(9, "tuning", "easy", "shuffled", 0.3, 100)
    assert origin_of(mine, "rigl", [*others, wanted], chosen) == wanted


@pytest.mark.parametrize("status", ["failed", "interrupted", "running", "skipped"])
def test_nothing_starts_from_a_run_that_did_not_finish(tmp_path, status):
    """Half trained, it may well have left a checkpoint."""
    half = tmp_path / "best.ckpt"
    half.touch()
    write(Result(status, "sparse-s0", "sparse", 0, checkpoint=str(half)), tmp_path)
    assert checkpoint_of(tmp_path) == str(tmp_path / "this_run_has_not_finished.ckpt")
    write(Result("finished", "sparse-s0", "sparse", 0, checkpoint=str(half)), tmp_path)
    assert checkpoint_of(tmp_path) == str(half)


def test_a_run_that_never_began_has_no_checkpoint(tmp_path):
    assert checkpoint_of(tmp_path / "7").endswith("/7/this_run_has_not_finished.ckpt")
