"""Both ways to draw must know every mark, and draw what the mark says."""

import math
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from triptych.report.chart import (
    Axis,
    Bars,
    Box,
    Chart,
    Cloud,
    Field,
    Heat,
    Interval,
    Level,
    Line,
    Mark,
    Mean,
    Pane,
    Rule,
    Tile,
    Tiles,
    Upright,
    Violins,
)
from triptych.report.matplotlib_chart import named_ticks, save_png
from triptych.report.palette import Style
from triptych.report.plotly_chart import plotly_pane

STYLE = Style("#0072B2", "dash", "square")
NUMBERS, NAMES = Axis("x [s]"), Axis("kind", "category")
NOTHING = Axis("", "none", (0, 2))
MARKS: dict[str, tuple[Axis, Axis, Mark]] = {
    "line": (NUMBERS, NUMBERS, Line("a", STYLE, (0, 1), (0.2, 0.4), (0.1, 0.3), (0.3, 0.5))),
    "cloud": (NUMBERS, NUMBERS, Cloud("a", STYLE, (1, 2), (3, 4), ("r", "s"))),
    "mean": (NUMBERS, NUMBERS, Mean("a", STYLE, 1.0, 2.0, math.nan)),
    "interval": (NUMBERS, NAMES, Interval("a", STYLE, "row", 1.0, 0.5, 2.5)),
    "bars": (
        NAMES,
        NUMBERS,
        Bars("a", "#000000", ("#000000",) * 2, ("u", "v"), (1, 2), (0, 1), (2, 3)),
    ),
    "heat": (NAMES, NAMES, Heat(("u", "v"), ("r",), ((0.1, 0.9),), (("1", "9"),), 1.0)),
    "tiles": (
        NUMBERS,
        NUMBERS,
        Tiles(("1", "2"), ("r",), ((None, Tile("a", STYLE, "a +1", is_hatched=True)),)),
    ),
    "violins": (
        NAMES,
        NUMBERS,
        Violins(("u", "v"), ("#000000", "#0072B2"), ((1, 2, 2), (3,)), (("a", "b", "c"), ("d",))),
    ),
    "field": (
        NUMBERS,
        NUMBERS,
        Field((0, 1), (0, 1, 2), ((0, 1), (0.2, 0.4), (0, 0.1)), "#000000", "#ff0000"),
    ),
    "box": (NOTHING, NOTHING, Box((0, 1), (0, 2), "#000000", "linear $32$")),
    "rule": (NUMBERS, NUMBERS, Rule("even", (0, 1), (0, 1))),
    "level": (NUMBERS, NUMBERS, Level("uniform", 0.25)),
    "upright": (NUMBERS, NUMBERS, Upright("zero", 0.0)),
}


def pane_of(name: str) -> Pane:
    x, y, mark = MARKS[name]
    return Pane("title", x, y, (mark,))


def drawn_by_plotly(name: str) -> list[dict[str, Any]]:
    return plotly_pane(pane_of(name)).to_dict()["data"]


@pytest.mark.parametrize("name", MARKS)
def test_plotly_draws_every_mark(name):
    figure = plotly_pane(pane_of(name)).to_dict()
    assert len(figure["data"]) + len(figure["layout"].get("shapes", [])) >= 1


@pytest.mark.parametrize("name", MARKS)
def test_matplotlib_draws_every_mark(name, tmp_path: Path):
    empty = Chart("empty", "t", "c", (Pane("title", *MARKS[name][:2], ()),))
    chart = Chart("drawn", "t", "c", (pane_of(name),))
    drawn, blank = (imread(save_png(c, tmp_path)) for c in (chart, empty))
    assert drawn.shape != blank.shape or (drawn != blank).any()


def test_the_band_lies_under_its_line():
    low, high, line = drawn_by_plotly("line")
    assert (low["y"], high["y"], line["y"]) == ([0.1, 0.3], [0.3, 0.5], [0.2, 0.4])
    assert high["fill"] == "tonexty"
    assert (line["line"]["dash"], line["marker"]["symbol"]) == ("dash", "square")


def test_error_bars_reach_from_low_to_high():
    (point,) = drawn_by_plotly("interval")
    assert (point["error_x"]["arrayminus"], point["error_x"]["array"]) == ([0.5], [1.5])
    (bars,) = drawn_by_plotly("bars")
    assert (bars["error_y"]["arrayminus"], bars["error_y"]["array"]) == ([1, 1], [1, 1])


def test_a_violin_shows_each_of_its_numbers_by_name():
    first, second = drawn_by_plotly("violins")
    assert (first["x"], first["y"], first["text"]) == (["u"] * 3, [1, 2, 2], ["a", "b", "c"])
    assert (second["points"], second["line"]["color"]) == ("all", "#0072B2")


def test_the_line_of_a_field_is_where_both_classes_are_equally_likely():
    (field,) = drawn_by_plotly("field")
    assert (field["contours"]["start"], field["contours"]["end"]) == (0.5, 0.5)
    assert (field["zmin"], field["zmax"]) == (0, 1)
    assert (field["colorscale"][0][1], field["colorscale"][-1][1]) == ("#000000", "#ff0000")


def test_a_field_has_its_colour_as_png_where_it_has_no_line(tmp_path: Path):
    field = Field((0, 1), (0, 1), ((1, 1), (1, 1)), "#0000ff", "#ff0000")
    chart = Chart("field", "t", "c", (Pane("t", NUMBERS, NUMBERS, (field,)),))
    red, green, *_ = imread(save_png(chart, tmp_path)).transpose(2, 0, 1)
    assert ((red > 0.9) & (green < 0.4)).mean() > 0.2


def test_a_box_that_holds_others_has_its_text_at_the_upper_edge():
    inner, outer = Box((0, 1), (0, 2), "#000000", "a"), Box((0, 1), (0, 2), "#000000", "b", True)
    layout = plotly_pane(Pane("t", NOTHING, NOTHING, (inner, outer))).to_dict()["layout"]
    assert [(note["text"], note["y"]) for note in layout["annotations"]] == [("a", 1.0), ("b", 2)]
    assert [shape["y1"] for shape in layout["shapes"]] == [2, 2]
    assert layout["xaxis"]["visible"] is False


def test_a_mean_of_one_run_has_no_error_bar():
    assert drawn_by_plotly("mean")[0]["error_y"]["visible"] is False


def test_a_long_label_is_shortened_on_both_drawings_and_its_place_kept(tmp_path):
    long = ("x" * 300 + "a", "x" * 300 + "b")
    pane = Pane("t", NAMES, NUMBERS, (Bars("a", "#000000", ("#000000",) * 2, long, (1, 2)),))
    figure = plotly_pane(pane).to_dict()
    assert figure["data"][0]["x"] == list(long)
    assert {len(text) for text in figure["layout"]["xaxis"]["labelalias"].values()} == {40}
    assert save_png(Chart("long", "t", "c", (pane,)), tmp_path).is_file()


def test_the_limits_of_a_log_axis_are_powers_for_plotly():
    axis = Axis("FLOPs", "log", (10.0, 1000.0))
    figure = plotly_pane(Pane("t", axis, NUMBERS, (Line("a", STYLE, (10, 100), (1, 2)),)))
    assert figure.layout.xaxis.type == "log"
    assert tuple(figure.layout.xaxis.range) == (1.0, 3.0)


def test_a_log_chart_is_drawn_as_png(tmp_path):
    axis = Axis("FLOPs", "log", (10.0, 1e6))
    pane = Pane("t", axis, Axis("y", "log"), (Line("a", STYLE, (10, 1e5), (1, 2)),))
    assert save_png(Chart("log", "t", "c", (pane,)), tmp_path).stat().st_size > 5000


def test_the_legend_names_each_setting_once():
    panes = (pane_of("line"), pane_of("cloud"), pane_of("level"), pane_of("tiles"))
    assert [key.name for key in Chart("n", "t", "c", panes).keys] == ["a"]


def test_dollars_in_names_are_no_formula(tmp_path):
    name = r"$\nonsense{$ 10$"
    bars = Bars(name, "#000000", ("#000000",), (name,), (1,))
    panes = (
        Pane(name, NAMES, NUMBERS, (bars,)),
        Pane(name, NAMES, NAMES, (Heat((name,), (name,), ((0.5,),), (("1",),), 1.0),)),
        Pane(name, NUMBERS, NAMES, (Interval(name, STYLE, name, 1.0, 0.5, 2.5),)),
    )
    assert save_png(Chart("dollars", "t", "c", panes), tmp_path).is_file()


def test_no_name_can_end_the_script_element_that_holds_a_plot():
    line = Line("</script><b>", STYLE, (0, 1), (0, 1))
    assert "<" not in (plotly_pane(Pane("<!--", NUMBERS, NUMBERS, (line,))).to_json() or "<")


def test_of_many_rows_of_a_heatmap_as_many_are_named_as_have_room():
    assert named_ticks(["a", "$b"]) == ([0, 1], ["a", r"\$b"])
    places, names = named_ticks([f"cluster_{k}" for k in range(64)])
    assert (places, names) == (list(range(0, 64, 4)), [f"cluster_{k}" for k in range(0, 64, 4)])
