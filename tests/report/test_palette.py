from pathlib import Path

from triptych.report.palette import PANEL_COLOURS, styles, translucent
from triptych.report.runs import load_runs


def test_each_panel_has_its_fixed_colour(nine_runs: Path):
    found = styles(load_runs([nine_runs]))
    assert {name: style.colour.upper() for name, style in found.items()} == PANEL_COLOURS


def test_settings_of_one_panel_differ_in_dash_and_shade(write_run, fake, tmp_path):
    for top_k in range(1, 5):
        write_run(fake("moe", 0, 0.9, overrides=[f"model.top_k={top_k}"]), f"k{top_k}")
    found = styles(load_runs([tmp_path])).values()
    assert len({style.dash for style in found}) == 4
    assert len({style.colour for style in found}) == 4
    assert len({style.symbol for style in found}) == 1


def test_a_translucent_colour_is_css():
    assert translucent("#0072B2", 0.5) == "rgba(0,114,178,0.5)"
