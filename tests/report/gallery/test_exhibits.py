"""What the figures of the gallery say about numbers that are known."""

from pathlib import Path

import pytest

from triptych.report.chart import Bars, Box, Chart, Cloud, Field, Line, Violins
from triptych.report.gallery.architecture import Part, architecture, height
from triptych.report.gallery.counts import Count, against_width, at_largest
from triptych.report.gallery.material import accuracies, parameters
from triptych.report.gallery.regions import Region, boundaries
from triptych.report.gallery.suitability import suitability
from triptych.report.gallery.tasks import Alone, by_class, experts_alone, task_violins
from triptych.report.gallery.timing import Timing, over_dense, time_against_width
from triptych.report.runs import Runs, load_runs


def marks(chart: Chart | None, kind: type) -> list:
    assert chart is not None
    return [mark for pane in chart.panes for mark in pane.marks if isinstance(mark, kind)]


@pytest.fixture
def runs(write_run, fake, tmp_path: Path) -> Runs:
    """Two nets, two seeds, two tasks."""
    for panel, worse in (("ffn", 0.1), ("moe", 0.0)):
        for seed in range(2):
            run = fake(panel, seed, 0.9 - worse)
            run.metrics["test"] |= {"test/acc/family/a": 0.9 - worse, "test/acc/family/b": 0.5}
            run.tables["confusion"] = [[90, 10, 0], [0, 50 + seed, 50 - seed], [25, 25, 50]]
            write_run(run)
    return load_runs([tmp_path])


NET = Part(
    "10 parameters",
    parts=(
        Part("stem"),
        Part("block", True, parts=(Part("router", True), Part("8 experts", True, copies=8))),
    ),
)


def test_boxes_lie_in_the_box_that_holds_them_and_do_not_overlap():
    boxes = {box.text: box for box in marks(architecture({"moe": NET}), Box)}
    assert len(boxes) == 4 + 8
    inside = [
        ("router", "block"),
        ("8 experts", "block"),
        *((str(e), "8 experts") for e in range(8)),
    ]
    for inner, outer in inside:
        for a, b in ((boxes[inner].x, boxes[outer].x), (boxes[inner].y, boxes[outer].y)):
            assert b[0] < a[0] < a[1] < b[1]
    assert boxes["stem"].y[0] > boxes["block"].y[1]  # data go down
    assert boxes["router"].y[0] > boxes["8 experts"].y[1]
    assert boxes["0"].x[1] < boxes["1"].x[0]
    assert boxes["block"].y[0] >= 0
    assert boxes["stem"].y[1] == pytest.approx(height(NET))
    assert boxes["stem"].colour != boxes["router"].colour


def test_total_and_active_parameters_are_two_lines_where_they_differ():
    counts = [Count("ffn", 8, 100, 100), Count("ffn", 16, 400, 400), Count("moe", 16, 900, 90)]
    lines = {line.name: (line.x, line.y) for line in marks(against_width(counts, "d"), Line)}
    assert lines == {
        "ffn": ([8, 16], [100, 400]),
        "moe, total": ([16], [900]),
        "moe, active": ([16], [90]),
    }
    assert at_largest(counts) == "At a width of 16: ffn 400, moe 900 and 90 active."


def test_a_time_is_a_median_between_its_quartiles_in_milliseconds():
    timings = [Timing("ffn", 8, [0.001, 0.002, 0.003, 0.004, 0.1])]
    (line,) = marks(time_against_width(timings, "what"), Line)
    assert (line.y, line.low, line.high) == ([3.0], [2.0], [4.0])
    wide = [Timing("ffn", 16, [0.002]), Timing("moe", 16, [0.005]), *timings]
    assert over_dense(wide) == "Time over that of the dense block at width 16: moe 2.50."


def test_a_boundary_has_the_probabilities_and_the_samples_of_both_classes():
    region = Region("ffn", (-1, 0, 1), ((0, 1, 1),) * 3, ("u", "v"), (((0.5, 0.1),), ()))
    chart = boundaries([region])
    assert [field.values for field in marks(chart, Field)] == [region.probability]
    assert [(c.x, c.y) for c in marks(chart, Cloud)] == [((0.5,), (0.1,)), ((), ())]
    assert chart is not None
    assert "the first 1 training samples" in chart.caption
    assert boundaries([]) is None


def test_a_violin_has_a_point_for_each_task_and_seed(runs):
    (violins,) = marks(task_violins(runs), Violins)
    assert violins.x == ("ffn", "moe")
    assert [sorted(values) for values in violins.values] == [
        pytest.approx([50, 50, 80, 80]),
        pytest.approx([50, 50, 90, 90]),
    ]
    assert violins.labels[0] == ["a, seed 0", "b, seed 0", "a, seed 1", "b, seed 1"]
    assert marks(task_violins(runs), Bars)[1].y == pytest.approx([90, 50])


def test_accuracy_by_class_is_the_share_of_each_row_that_is_right(runs):
    first, _ = marks(by_class(runs), Bars)
    assert first.x == ["a", "b", "c"]
    assert first.y == pytest.approx([90, 50.5, 50])
    assert (first.low[1], first.high[1]) == pytest.approx((50, 51))


def test_a_mixture_stands_beside_its_experts_and_a_dense_net(runs):
    alone = [
        Alone(seed, {"a": 0.9, "b": 0.7}, {"a": 0.3, "b": 0.2}, {"a": 0.5, "b": s})
        for seed, s in ((0, 0.4), (1, 0.6))
    ]
    found = {bar.name: bar for bar in marks(experts_alone(alone, runs.panel("ffn")), Bars)}
    assert found["moe, its router"].y == pytest.approx([90, 70])
    assert found["ffn"].y == pytest.approx([80, 50])
    best = found["its best expert alone"]
    assert (best.y, best.low, best.high) == (
        pytest.approx([50, 50]),
        pytest.approx([50, 40]),
        pytest.approx([50, 60]),
    )
    assert experts_alone([], runs) is None


def test_words_about_runs_have_means_spreads_and_sizes(runs):
    assert accuracies(runs) == (
        "Test accuracy (mean ± standard deviation over 2 seeds): ffn 80.00 ± 0.00 %,"
        " moe 90.00 ± 0.00 %."
    )
    assert parameters(runs) == "Parameters: ffn 44 k, moe 160 k (42 k active)."


def test_suitability_is_read_from_a_study_and_never_made_up(tmp_path: Path):
    table = tmp_path / "arms.csv"
    assert suitability(table) is None
    table.write_text(
        "cell,arm,seeds,test_acc,low,high\n"
        "n=8000,moe,6,.95,.94,.96\nn=500,moe,6,.69,.6,.7\nn=500,dense,6,.68,.6,.7\nother,moe,6,1,1,1\n"
    )
    lines = {line.name: line for line in marks(suitability(table), Line)}
    assert (lines["moe"].x, lines["moe"].y) == ([500, 8000], pytest.approx([69, 95]))
    assert (lines["moe"].low, lines["moe"].high) == (
        pytest.approx([60, 94]),
        pytest.approx([70, 96]),
    )
    table.write_text("a,b\n1,2\n")
    assert suitability(table) is None
