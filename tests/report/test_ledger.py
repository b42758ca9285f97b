from triptych.report.headline import headline
from triptych.report.ledger import comparison_table, failures, measured, run_table
from triptych.report.runs import Runs, load_runs


def test_failures_are_counted_and_listed_with_their_message(write_run, fake, tmp_path):
    write_run(fake("moe", 1, 0.5, status="failed", error={"message": "a < b"}))
    write_run(fake("moe", 2, 0.5, status="running"))
    html = failures(load_runs([tmp_path]))
    assert "1 failed, 1 running" in html
    assert "a &lt; b" in html
    assert "moe-s2" in html


def test_there_is_no_section_for_failures_that_did_not_happen(nine_runs):
    runs = load_runs([nine_runs])
    assert failures(runs) == ""
    assert comparison_table(()) == ""
    assert measured(Runs(())) == ""


def test_the_method_names_seeds_epochs_versions_and_commit_once(nine_runs):
    html = measured(load_runs([nine_runs]))
    assert "ffn: 0, 1, 2; sparse: 0, 1, 2; moe: 0, 1, 2" in html
    assert "<dt>Epochs</dt><dd>12</dd>" in html
    assert "<dd>commit 0123abc</dd>" in html
    assert html.count("torch 0.0.fake") == 1


def test_uncommitted_changes_are_told(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9, git={"commit": "abc", "dirty": True}))
    assert "<dd>commit abc, dirty</dd>" in measured(load_runs([tmp_path]))


def test_repeated_runs_are_mentioned_in_the_method(write_run, fake, tmp_path):
    for folder in ("a", "b"):
        write_run(fake("ffn", 0, 0.9), folder)
    assert "only the latest one is used" in measured(load_runs([tmp_path]))


def test_a_comparison_without_spread_shows_no_interval(write_run, fake, tmp_path):
    for seed in range(2):
        write_run(fake("ffn", seed, 0.5))
        write_run(fake("moe", seed, 0.75))
    html = comparison_table(headline(load_runs([tmp_path])).comparisons)
    assert (
        "<td>25.00</td><td>-</td><td>2</td><td>-</td><td>-</td><td>-</td><td>no spread</td>" in html
    )


def test_every_run_is_listed_with_its_folder(nine_runs):
    html = run_table(load_runs([nine_runs]))
    assert "9 run folders" in html
    assert "<td>sparse-s2</td>" in html
