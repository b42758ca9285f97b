"""The specification as plain content."""

from triptych.dashboard import SECTIONS, Curves, Points, Rank, Section, Value
from triptych.report.dashboard import specification


def test_every_view_says_its_kind():
    kinds = {view["kind"] for section in specification.plain(SECTIONS) for view in section["views"]}
    assert kinds == {type(view).__name__ for view in specification.views(SECTIONS)}


def test_a_value_that_two_views_show_is_there_once():
    x, y = Value("a", "A"), Value("b", "B", kept="max")
    section = Section("s", (Points("p", x, y), Rank("r", y)))
    assert [specification.identity(v) for v in specification.values([section])] == [
        "b max",
        "a last",
    ]


def test_a_panel_keeps_what_its_views_draw_and_what_they_are_drawn_against():
    section = Section("s", (Curves("c", ("val/*/x",), panels=("moe",)), Curves("d", ("val/acc",))))
    keys = ["val/acc", "val/a/x", "val/a/b/x", "time/train_s", "lr"]
    assert specification.curve_keys([section], "moe", keys) == [
        "val/acc",
        "val/a/x",
        "time/train_s",
    ]
    assert specification.curve_keys([section], "ffn", keys) == ["val/acc", "time/train_s"]
