import math
from pathlib import Path

import pytest
from rich.console import Console

from triptych.report.runs import Runs, load_runs
from triptych.report.table import (
    html_table,
    markdown_table,
    short_number,
    summarise,
    terminal_table,
)


def test_a_row_holds_means_over_seeds_and_the_sd_of_the_accuracy(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.90, seconds={"total": 10.0}))
    write_run(fake("ffn", 1, 0.94, seconds={"total": 30.0}))
    row = summarise(load_runs([tmp_path])).iloc[0]
    # Values 0.90 and 0.94: mean 0.92, sd 0.04 / sqrt(2).
    assert row["test_acc"] == pytest.approx(0.92)
    assert row["test_acc_sd"] == pytest.approx(0.04 / math.sqrt(2))
    assert (row["runs"], row["seconds"], row["params_total"]) == (2, 20.0, 44000.0)
    assert row["val_acc"] == pytest.approx(0.922)


def test_the_final_validation_accuracy_stands_beside_the_best_but_not_in_the_terminal(
    write_run, fake, tmp_path
):
    write_run(fake("ffn", 0, 0.90))
    summary = summarise(load_runs([tmp_path]))
    assert summary.iloc[0]["val_acc_final"] == pytest.approx(0.901)
    assert "| 90.20 % | 90.10 % |" in markdown_table(summary)
    assert "Final val. acc." in html_table(summary)
    assert len(terminal_table(summary).columns) == 7


def test_milliseconds_of_a_step_are_those_of_the_last_epoch(write_run, fake, tmp_path):
    for seed, step_ms in enumerate((2.0, 4.0)):
        write_run(fake("ffn", seed, 0.9, metrics={"final": {"time/step_ms": step_ms}}))
    summary = summarise(load_runs([tmp_path]))
    assert summary.iloc[0]["step_ms"] == 3.0
    assert markdown_table(summary).splitlines()[2].endswith("| 3 |")


def test_a_number_that_json_could_not_hold_is_a_dash(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9, metrics={"final": {"time/step_ms": math.nan}}))
    assert markdown_table(summarise(load_runs([tmp_path]))).splitlines()[2].endswith("| - |")


def test_one_run_has_no_sd(write_run, fake, tmp_path):
    write_run(fake("moe", 0, 0.9))
    summary = summarise(load_runs([tmp_path]))
    assert math.isnan(summary.iloc[0]["test_acc_sd"])
    assert "| 90.00 % |" in markdown_table(summary)


def test_what_was_not_measured_is_a_dash(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9, cost={}, metrics={}, seconds={}))
    cells = markdown_table(summarise(load_runs([tmp_path]))).splitlines()[2].split("|")
    assert [cell.strip() for cell in cells[3:6]] == ["-", "-", "-"]


def test_markdown_has_a_row_for_each_setting(nine_runs: Path):
    lines = markdown_table(summarise(load_runs([nine_runs]))).splitlines()
    assert [line.split("|")[1].strip() for line in lines] == [
        "Setting",
        ":--",
        "ffn",
        "sparse",
        "moe",
    ]


def test_a_bar_in_a_label_does_not_break_markdown(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9, overrides=["model.note=a|b"]))
    assert "a\\|b" in markdown_table(summarise(load_runs([tmp_path])))


def test_html_carries_sort_values_and_escapes_labels(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9, overrides=["model.note=<b>&"]))
    html = html_table(summarise(load_runs([tmp_path])))
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;" in html
    assert 'data-value="0.9"' in html


def test_the_terminal_table_fits_in_80_columns_with_whole_numbers(write_run, fake, tmp_path):
    overrides = ["model=moe", "model.top_k=2", "model.num_experts=16"]
    for seed in range(2):
        write_run(fake("moe", seed, 0.9 + seed / 100, overrides=overrides))
    console = Console(width=80)
    with console.capture() as captured:
        console.print(terminal_table(summarise(load_runs([tmp_path]))))
    text = captured.get()
    assert "90.50 ± 0.71 %" in text
    assert "160 k" in text
    assert "…" not in text


def test_markup_in_a_label_is_printed_as_it_is(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9, overrides=["a=[red]"]))
    table = terminal_table(summarise(load_runs([tmp_path])))
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    assert "[red]" in captured.get()


def test_no_finished_run_gives_an_empty_table():
    assert summarise(Runs(())).empty


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (50.0, "50"),
        (999.9, "1000"),
        (1500.0, "1.5 k"),
        (2.5e9, "2.5 G"),
        (0.0123, "0.0123"),
    ],
)
def test_short_numbers_keep_three_digits(value, text):
    assert short_number(value) == text
