"""What each figure prepares from fake runs whose numbers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from triptych.report.chart import Bars, Chart, Cloud, Heat, Interval, Level, Line, Mean, Upright
from triptych.report.figures import MOST_SETTINGS, charts
from triptych.report.figures.balance import balance
from triptych.report.figures.calibration import calibration, pooled
from triptych.report.figures.confusion import confusion
from triptych.report.figures.curves import curves
from triptych.report.figures.differences import differences
from triptych.report.figures.efficiency import efficiency
from triptych.report.figures.flops import flops
from triptych.report.figures.parameters import parameters
from triptych.report.figures.routing import confidence, load, specialisation
from triptych.report.figures.sparsity import sparsity
from triptych.report.headline import headline
from triptych.report.palette import styles
from triptych.report.runs import Runs, load_runs


@pytest.fixture
def runs(nine_runs: Path) -> Runs:
    return load_runs([nine_runs])


@pytest.fixture
def load_from(tmp_path: Path):
    return lambda: load_runs([tmp_path])


def marked(chart: Chart | None) -> Chart:
    assert chart is not None
    return chart


def marks(chart: Chart | None, kind: type) -> list:
    return [mark for pane in marked(chart).panes for mark in pane.marks if isinstance(mark, kind)]


def test_all_figures_are_there_for_the_three_panels(runs):
    drawn = charts(runs, headline(runs).comparisons)
    assert [chart.name for chart in drawn] == [
        "differences",
        "flops",
        "curves",
        "efficiency",
        "parameters",
        "expert_load",
        "specialisation",
        "router_confidence",
        "balance",
        "sparsity",
        "confusion",
        "calibration",
    ]
    assert all("from " in chart.caption and chart.caption.endswith(".") for chart in drawn)


def test_figures_without_data_are_left_out(write_run, fake, load_from):
    folder = write_run(fake("ffn", 0, 0.9, tables={}, cost={}))
    (folder / "metrics.csv").unlink()
    assert charts(load_from(), ()) == []


def test_a_dense_run_has_no_routing_and_no_sparsity(runs):
    dense = runs.panel("ffn")
    looks = styles(runs)
    assert [figure(dense, looks) for figure in (load, specialisation, confidence, sparsity)] == (
        [None] * 4
    )


def test_many_settings_are_cut_to_the_best_and_the_caption_says_so(write_run, fake, load_from):
    for k in range(MOST_SETTINGS + 2):
        write_run(fake("ffn", 0, 0.5 + k / 100, overrides=[f"model.d_hidden={k}"]), f"k{k}")
    drawn = charts(load_from(), ())
    assert "Shown are the 8 best of 10 settings." in drawn[0].caption
    names = {mark.name for mark in marks(drawn[0], Mean)}
    assert names == {f"ffn, d_hidden={k}" for k in range(2, MOST_SETTINGS + 2)}


def test_curves_show_the_mean_and_the_range_of_the_seeds(runs):
    line = marks(curves(runs.panel("ffn"), styles(runs)), Line)[0]
    values = np.stack([run.curve["val/acc"] for run in runs.of("ffn")]) * 100
    assert line.y == pytest.approx(values.mean(axis=0))
    assert line.low == pytest.approx(values.min(axis=0))
    assert line.high == pytest.approx(values.max(axis=0))


def test_a_seed_whose_log_starts_late_does_not_cut_the_others(write_run, fake, load_from):
    for seed in range(3):
        write_run(fake("ffn", seed, 0.9))
    resumed = write_run(fake("ffn", 3, 0.9)) / "metrics.csv"
    head, *rows = resumed.read_text().splitlines()
    resumed.write_text("\n".join([head, *rows[8:]]) + "\n")
    found = load_from()
    chart = curves(found, styles(found))
    assert chart is not None
    (line,) = [mark for mark in chart.panes[0].marks if isinstance(mark, Line)]
    assert list(line.x) == list(range(12))
    assert "a seed whose log starts later than the others', as after a resume," in chart.caption


def test_curves_stop_where_the_first_seed_stopped_and_one_seed_has_no_band(
    write_run, fake, load_from
):
    write_run(fake("ffn", 0, 0.9), epochs=12)
    write_run(fake("ffn", 1, 0.9), epochs=5)
    write_run(fake("moe", 0, 0.9), epochs=12)
    found = load_from()
    dense, moe = marks(curves(found, styles(found)), Line)[:2]
    assert (len(dense.x), len(dense.low)) == (5, 5)
    assert (len(moe.x), len(moe.low)) == (12, 0)


def test_efficiency_runs_over_compute_and_seconds(runs):
    chart = efficiency(runs.panel("moe"), styles(runs))
    compute, seconds = marks(chart, Line)
    # 3 * 84,000 FLOPs * 8,000 samples in the first epoch; 2.0, 2.1 and 2.2 s.
    assert compute.x[0] == pytest.approx(3 * 84e3 * 8e3)
    assert seconds.x[0] == pytest.approx(2.1)


def test_parameters_show_total_and_active_and_the_share_over_training(runs):
    chart = parameters(runs, styles(runs))
    total, active = marks(chart, Bars)
    assert total.y == [44000.0, 9000.0, 160000.0]
    assert active.y == [44000.0, 9000.0, 42000.0]
    share = next(line for line in marks(chart, Line) if line.name == "moe")
    assert share.y[0] == pytest.approx(100 * 42 / 160)


def test_accuracy_and_cost_show_every_run_and_the_mean(runs):
    chart = flops(runs.panel("sparse"), styles(runs))
    cloud, mean = marks(chart, Cloud)[0], marks(chart, Mean)[0]
    scores = [100 * value for value in runs.accuracy("sparse").values()]
    assert cloud.y == pytest.approx(scores)
    assert (mean.x, mean.y) == (18000.0, pytest.approx(np.mean(scores)))
    assert mean.error == pytest.approx(np.std(scores, ddof=1))


def test_the_cost_axis_is_logarithmic_only_for_a_wide_range(runs, write_run, fake, load_from):
    assert {pane.x.scale for pane in marked(flops(runs, styles(runs))).panes} == {"linear"}
    for panel, cost in (("ffn", 1e4), ("moe", 1e5)):
        write_run(fake(panel, 5, 0.9, cost={"flops": cost}))
    found = load_from()
    assert marked(flops(found, styles(found))).panes[0].x.scale == "log"


def routing(load_counts, **changes):
    tables = {"layer": "block_0", "load": load_counts, **changes}
    return {"routing": [tables], "families": ["a", "b"]}


def test_experts_are_ordered_within_each_seed_before_the_mean(write_run, fake, load_from):
    write_run(fake("moe", 0, 0.9, tables=routing([10, 30])))
    write_run(fake("moe", 1, 0.9, tables=routing([80, 20])))
    found = load_from()
    chart = load(found, styles(found))
    (bars,) = marks(chart, Bars)
    # 75 % and 80 % on the busiest expert, 25 % and 20 % on the other.
    assert bars.y == pytest.approx([77.5, 22.5])
    assert (bars.low, bars.high) == (pytest.approx([75, 20]), pytest.approx([80, 25]))
    assert [level.y for level in marks(chart, Level)] == [50.0]


def test_heatmaps_show_one_named_run_with_rows_that_sum_to_one(write_run, fake, load_from):
    tables = routing([4, 6], topk_by_family=[[1, 3], [0, 0]], prob_by_family=[[0.2, 0.6], [1, 1]])
    for seed in (1, 2):
        write_run(fake("moe", seed, 0.9, tables=tables))
    found = load_from()
    chart = specialisation(found, styles(found))
    topk, soft = marks(chart, Heat)
    assert topk.values == [[0.25, 0.75], [0.0, 0.0]]
    assert soft.values[0] == pytest.approx([0.25, 0.75])
    assert topk.y == ["a", "b"]
    assert "from moe, seed 1 (moe-s1)" in marked(chart).caption


@pytest.mark.parametrize(("families", "text"), [(16, "0.25"), (17, "")])
def test_cells_have_numbers_where_there_is_room(write_run, fake, load_from, families, text):
    tables = routing([1, 3], topk_by_family=[[1, 3]] * families, prob_by_family=[[1, 1]] * families)
    write_run(fake("moe", 0, 0.9, tables=tables))
    found = load_from()
    assert marks(specialisation(found, styles(found)), Heat)[0].texts[0][0] == text


def test_router_confidence_is_a_share_of_samples_with_the_even_choice_marked(
    write_run, fake, load_from
):
    write_run(fake("moe", 0, 0.9, tables=routing([1, 1, 1, 1], confidence=[0, 3, 1, 0])))
    found = load_from()
    chart = confidence(found, styles(found))
    (line,) = marks(chart, Line)
    assert line.x == [0.125, 0.375, 0.625, 0.875]
    assert line.y == [0.0, 75.0, 25.0, 0.0]
    assert [mark.x for mark in marks(chart, Upright)] == [0.25]


def test_density_is_the_mean_over_seeds_per_layer(write_run, fake, load_from):
    for seed, density in enumerate((0.1, 0.3)):
        rows = [{"layer": "up", "density": density, "nonzeros": 1, "size": 10}]
        write_run(fake("sparse", seed, 0.9, tables={"density": rows}))
    found = load_from()
    (bars,) = marks(sparsity(found, styles(found)), Bars)
    assert (bars.x, bars.y) == (["up"], [pytest.approx(20.0)])


def test_the_density_that_was_asked_for_is_a_line_for_each_target(write_run, fake, load_from):
    for asked in (0.8, 0.9):
        rows = [{"layer": "up", "density": 0.3, "target": round(1 - asked, 12)}] * 2
        overrides = [f"model.sparsity={asked}"]
        write_run(
            fake("sparse", 0, 0.9, overrides=overrides, tables={"density": rows}), overrides[0]
        )
    found = load_from()
    chart = marked(sparsity(found, styles(found)))
    assert [level.y for level in marks(chart, Level)] == [20.0, 10.0]
    assert [level.name for level in marks(chart, Level)] == ["target 20 %", "target 10 %"]
    assert len(chart.panes) == 1


def test_moving_masks_have_their_exploration_and_churn_over_the_epochs(write_run, fake, load_from):
    for seed in range(2):
        curve = write_run(fake("sparse", seed, 0.9), epochs=4) / "metrics.csv"
        table = pd.read_csv(curve)
        table["train/sparse/explored"] = [0.2, 0.3 + 0.02 * seed, 0.4, 0.4]
        table["train/sparse/churn"] = [np.nan, 0.3, 0.1 * (1 + seed), np.nan]
        table.to_csv(curve, index=False)
    found = load_from()
    chart = marked(sparsity(found, styles(found)))
    assert [pane.title for pane in chart.panes] == [
        "Density",
        "Explored so far",
        "Churn of the masks",
    ]
    explored, churn = marks(chart, Line)
    assert explored.y == pytest.approx([20, 31, 40, 40])
    assert (churn.x, churn.y) == ([1, 2], pytest.approx([30, 15]))
    assert "lowest to highest seed" in chart.caption


def test_confusion_is_summed_over_seeds_and_shaded_by_row(write_run, fake, load_from):
    for seed in range(2):
        tables = {"classes": ["x", "y"], "confusion": [[3, 1], [0, 4 + 2 * seed]]}
        write_run(fake("ffn", seed, 0.9, tables=tables))
    found = load_from()
    (heat,) = marks(confusion(found, styles(found)), Heat)
    assert heat.texts == [["6", "2"], ["0", "10"]]
    assert heat.values == [[0.75, 0.25], [0.0, 1.0]]


def test_calibration_pools_samples_not_seeds(write_run, fake, load_from):
    few = {"count": [10, 0], "accuracy": [0.0, None], "confidence": [0.4, None]}
    many = {"count": [30, 3], "accuracy": [1.0, 1.0], "confidence": [0.2, 0.9]}
    for seed, table in enumerate((few, many)):
        write_run(fake("ffn", seed, 0.9, tables={"calibration": table}))
    found = load_from()
    count, mean_confidence, accuracy = pooled(found.finished)
    assert count.tolist() == [40.0, 3.0]
    # (10 * 0.0 + 30 * 1.0) / 40 and (10 * 0.4 + 30 * 0.2) / 40
    assert (accuracy[0], mean_confidence[0]) == (pytest.approx(0.75), pytest.approx(0.25))
    line = marks(calibration(found, styles(found)), Line)[0]
    assert (line.x, line.y) == ([pytest.approx(25.0)], [pytest.approx(75.0)])


def test_differences_show_every_judged_comparison_with_its_interval(runs):
    comparisons = headline(runs).comparisons
    rows = marks(differences(comparisons, styles(runs)), Interval)
    assert {row.row for row in rows} == {"ffn", "sparse"}
    assert marked(differences(comparisons, styles(runs))).panes[0].title == "moe minus"
    lead = next(row for row in rows if row.row == "ffn")
    assert lead.low == pytest.approx(100 * comparisons[0].paired.low)
    assert (
        differences([replace(c, paired=replace(c.paired, sd=0.0)) for c in comparisons], {}) is None
    )


def test_rows_with_different_leaders_name_both_settings(runs):
    first, second = headline(runs).comparisons
    turned = replace(second, first="sparse", second="moe")
    rows = marks(differences([first, turned], styles(runs)), Interval)
    assert {row.row for row in rows} == {"moe minus ffn", "sparse minus moe"}


def test_heatmaps_show_the_best_moe_setting(write_run, fake, load_from):
    for top_k, accuracy in ((1, 0.8), (2, 0.9), (4, 0.7)):
        write_run(fake("moe", 0, accuracy, overrides=[f"model.top_k={top_k}"]), f"k{top_k}")
    found = load_from()
    assert "from moe, top_k=2, seed 0" in marked(specialisation(found, styles(found))).caption


def test_the_balance_figure_shows_only_what_was_logged_and_only_of_mixtures(runs):
    chart = marked(balance(runs, styles(runs)))
    assert [pane.title for pane in chart.panes] == ["Balance loss, without coefficient"]
    [line] = marks(chart, Line)
    # seeds 0, 1, 2 in epoch 0: 1 + 0.2/1, 1 + 0.2/2, 1 + 0.2/3
    assert line.name == "moe"
    assert line.y[0] == pytest.approx(1 + 0.2 * (1 + 1 / 2 + 1 / 3) / 3)
    assert balance(runs.panel("ffn"), styles(runs)) is None
