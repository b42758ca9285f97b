"""Runs whose training ended early are not passed off as others."""

from typing import Any

import pytest

from triptych.report.build import build_report
from triptych.report.headline import headline
from triptych.report.runs import load_runs
from triptych.report.table import markdown_table, summarise

CUT = {"rule": "threshold", "reason": "val/acc 0.3 after epoch 5 is below 0.5"}
ENOUGH = {"rule": "patience", "reason": "val/acc after epoch 9 is no better"}


@pytest.fixture
def moe_and_ffn(write_run: Any, fake: Any) -> None:
    for seed in range(3):
        write_run(fake("ffn", seed, 0.9 + 0.004 * seed))
        write_run(fake("sparse", seed, 0.8 + 0.005 * seed))
        early = {"ended_early": CUT, "epochs": 5} if seed == 1 else {}
        write_run(fake("moe", seed, 0.3 if early else 0.95, **early))


@pytest.mark.usefixtures("moe_and_ffn")
def test_a_setting_with_a_run_that_was_given_up_is_in_no_comparison(tmp_path: Any) -> None:
    runs = load_runs([tmp_path])
    found = headline(runs)
    assert [(c.first, c.second) for c in found.comparisons] == [("ffn", "sparse")]
    assert found.remarks[-2] == (
        "In no comparison, as training was given up below a threshold: moe (1 of 3 runs, after 5"
        " epochs). Their figures are those of runs with less training than others."
    )
    table = markdown_table(summarise(runs))
    assert "| moe | 3 (1 early) |" in table
    assert "| ffn | 3 |" in table


@pytest.mark.usefixtures("moe_and_ffn")
def test_the_page_says_which_runs_and_why(tmp_path: Any) -> None:
    page = build_report([tmp_path / "runs"], tmp_path / "out").page.read_text()
    assert "9 finished runs, 1 of them ended early" in page
    assert f"<td>ended early: {CUT['reason']}</td>" in page
    assert CUT["reason"] in (tmp_path / "out" / "runs.csv").read_text()


def test_where_all_settings_were_given_up_none_is_ahead(
    write_run: Any, fake: Any, tmp_path: Any
) -> None:
    for panel in ("ffn", "moe"):
        write_run(fake(panel, 0, 0.3, ended_early=CUT, epochs=1))
    found = headline(load_runs([tmp_path]))
    assert found.text == "No comparison: each setting has a run that was given up."
    assert "ffn (1 of 1 run, after 1 epoch); moe (1 of 1 run, after 1 epoch)" in found.remarks[0]


def test_runs_that_had_enough_are_compared_and_named(
    write_run: Any, fake: Any, tmp_path: Any
) -> None:
    for seed in range(3):
        write_run(fake("ffn", seed, 0.9 + 0.004 * seed))
        write_run(fake("moe", seed, 0.95, ended_early=ENOUGH, epochs=9 + seed))
    found = headline(load_runs([tmp_path]))
    assert len(found.comparisons) == 1
    assert found.remarks[-2] == (
        "Compared as they are, though training ended without further progress before its last"
        " epoch: moe (3 of 3 runs, after 9 to 11 epochs)."
    )
