"""A curve as far as it has come, and what is kept of a long one."""

from pathlib import Path

import pytest

from triptych.report.dashboard.curves import Curve, most_points, read_curve, stride


def curve_of(folder: Path, text: str) -> Curve:
    (folder / "metrics.csv").write_text(text)
    return read_curve(folder)


def test_without_a_file_there_is_no_curve(tmp_path):
    assert read_curve(tmp_path).steps == ()


@pytest.mark.parametrize("text", ["", "\n", "step", "epoch,a\n1,2\n"])
def test_a_file_without_steps_is_no_curve(tmp_path, text):
    assert curve_of(tmp_path, text) == Curve((), {})


def test_a_row_that_is_being_written_is_left_out(tmp_path):
    # 0.95 that is cut after its first digit would be another number.
    found = curve_of(tmp_path, "step,epoch,val/acc\n1,0,0.9\n2,1,0.9")
    assert found == Curve((1,), {"epoch": (0.0,), "val/acc": (0.9,)})
    assert curve_of(tmp_path, "step,epoch,val/acc\n1,0,0.9\n2,1\n").steps == (1,)


def test_blank_cells_and_what_is_no_finite_number_are_none(tmp_path):
    found = curve_of(tmp_path, "step,a,b\n1,,nan\n2,inf,x\n3,1.5,2\n")
    assert found.columns == {"a": (None, None, 1.5), "b": (None, None, 2.0)}
    assert (found.last("a"), found.most("b"), found.least("none")) == (1.5, 2.0, None)


def test_only_rows_with_one_of_the_keys_stay():
    curve = Curve((1, 2, 3), {"a": (0.1, None, None), "b": (None, 0.2, None), "c": (1, 1, 1)})
    assert curve.only(["a", "b", "d"]) == Curve((1, 2), {"a": (0.1, None), "b": (None, 0.2)})


def test_a_thinned_curve_ends_where_the_run_ended_if_it_has():
    curve = Curve(tuple(range(8)), {"a": tuple(map(float, range(8)))})
    assert curve.thinned(3, with_last=True).steps == (0, 3, 6, 7)
    assert curve.thinned(3, with_last=False).columns["a"] == (0.0, 3.0, 6.0)
    assert curve.thinned(7, with_last=True).steps == (0, 7)
    assert Curve((), {}).thinned(2, with_last=True).steps == ()


def test_the_more_curves_the_fewer_points_within_limits():
    assert most_points(1) == 200
    assert most_points(7_000) == 100
    assert most_points(10**9) == 20
    assert stride([1000, 3], 200) == 5
    assert stride([200], 200) == 1
