import json
import math
from pathlib import Path

import pytest

from triptych.report.build import build_report
from triptych.report.records import read_records
from triptych.report.runs import load_runs

TEXTS = ["", "{}", '{"schema": 1, "st', "[1]", '{"name": "<b>other tool</b>"}', "\x00"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_broken_record_is_set_aside_and_the_others_are_read(write_run, fake, tmp_path, text):
    write_run(fake("ffn", 0, 0.9), "b")
    for folder in ("a", "c"):
        (tmp_path / "runs" / folder).mkdir()
        (tmp_path / "runs" / folder / "result.json").write_text(text)
    runs = load_runs([tmp_path])
    assert [run.setting for run in runs.finished] == ["ffn"]
    assert [bad.folder.name for bad in runs.unreadable] == ["a", "c"]
    assert "not a result of a run" in runs.unreadable[0].reason
    assert str(tmp_path) not in runs.unreadable[0].reason


@pytest.mark.parametrize(("field", "value"), [("metrics", []), ("seed", "x"), ("tables", None)])
def test_a_field_of_another_type_is_a_broken_record(write_run, fake, tmp_path, field, value):
    folder = write_run(fake("ffn", 0, 0.9))
    content = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**content, field: value}))
    good, bad = read_records([tmp_path])
    assert good == []
    assert field in bad[0].reason


def test_the_page_lists_what_it_could_not_read(write_run, fake, tmp_path: Path):
    write_run(fake("ffn", 0, 0.9))
    (tmp_path / "runs" / "<i>").mkdir()
    (tmp_path / "runs" / "<i>" / "result.json").write_text('{"schema": "<u>"}')
    page = build_report([tmp_path / "runs"], tmp_path / "out").page.read_text()
    assert "<h2>Unreadable</h2>" in page
    assert "&lt;i&gt;/result.json" in page
    assert "<u>" not in page


def test_null_among_the_numbers_is_nan_everywhere(write_run, fake, tmp_path: Path):
    for seed in range(2):
        full = fake("moe", seed, 0.9)
        calibration = full.tables["calibration"]
        calibration["accuracy"][0] = calibration["confidence"][1] = math.nan
        full.tables["density"] = [{"layer": "a", "density": math.nan}]
        full.tables["routing"][0]["load"][0] = math.nan
        nothing = {"test/acc": math.nan, "test/loss": math.nan}
        write_run(fake("ffn", seed, 0.9, metrics={"test": nothing}, cost={"flops": math.nan}))
        write_run(fake("moe", seed, 0.9, tables=full.tables, samples_per_s=math.nan))
        write_run(fake("sparse", seed, 0.9, seconds={"total": math.nan}, peak_memory_mib=math.nan))
    report = build_report([tmp_path / "runs"], tmp_path / "out")
    table = report.summary.set_index("setting")
    unknown = table.isna()
    assert unknown.loc["ffn", "test_acc"]
    assert unknown.loc["moe", "samples_per_s"]
    assert report.runs.accuracy("ffn") == {}
