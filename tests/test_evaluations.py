import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych.evaluations import FILE, Evaluation, read, to_text

tables = st.dictionaries(st.text(max_size=5), st.lists(st.integers(), max_size=3), max_size=2)
evaluations = st.lists(
    st.builds(Evaluation, st.sampled_from(["val", "test"]), st.integers(0, 5), tables), max_size=8
)


@given(found=evaluations)
def test_the_last_line_of_a_step_counts(
    tmp_path_factory: pytest.TempPathFactory, found: list[Evaluation]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / FILE).write_text(to_text(found), encoding="utf-8")
    latest = {(one.split, one.step): one for one in found}
    assert {(one.split, one.step): one for one in read(folder)} == latest
    assert len(read(folder)) == len(latest)
    validations = [one.step for one in read(folder) if one.split == "val"]
    assert validations == sorted(validations)


def test_no_line_has_what_json_has_not() -> None:
    assert "NaN" not in to_text([Evaluation("test", 3, {"speed": [math.nan, math.inf]})])


def test_half_a_line_of_a_killed_run_says_nothing(tmp_path: Path) -> None:
    text = to_text([Evaluation("val", 3, {}), Evaluation("val", 7, {})])
    (tmp_path / FILE).write_text(text[:-9], encoding="utf-8")
    assert [one.step for one in read(tmp_path)] == [3]


def test_other_json_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[1]\n{"a": 1}\nnull\n3\n', encoding="utf-8")
    assert read(tmp_path) == []


def test_a_run_without_the_file_has_none(tmp_path: Path) -> None:
    assert read(tmp_path) == []
