from dataclasses import replace
from typing import Any

from triptych.report.build import build_report
from triptych.report.routing_table import routing_table
from triptych.report.runs import load_runs


def routed(result: Any, layer: str, **values: float | None) -> Any:
    test = {f"test/moe/{layer}/{name}": value for name, value in values.items()}
    return replace(result, metrics={"test": {"test/acc": 0.9, **test}})


def test_routing_is_the_mean_over_seeds_of_each_layer(write_run, fake, tmp_path):
    write_run(routed(fake("moe", 0, 0.9), "block_0", load_gini=0.25, nmi=None))
    write_run(routed(fake("moe", 1, 0.9), "block_0", load_gini=0.5, nmi=0.125, max_load=3.0))
    write_run(fake("ffn", 0, 0.9))
    html = routing_table(load_runs([tmp_path]))
    cells = "".join(f"<td>{v}</td>" for v in ("0.375", "-", "3.000", "-", "0.125", "-"))
    assert f"<tr><td>moe</td><td>block_0</td>{cells}</tr>" in html
    assert html.count("<tr>") == 2
    assert "0 = nothing, 1 = everything" in html


def test_columns_that_older_runs_lack_are_there_where_one_run_has_them(write_run, fake, tmp_path):
    write_run(routed(fake("moe", 0, 0.9), "block_0", load_gini=0.25))
    html = routing_table(load_runs([tmp_path]))
    assert not [name for name in ("Dropped", "Margin", "Churn") if name in html]
    newer = routed(fake("moe", 1, 0.9), "block_0", load_gini=0.5, drop_rate=0.125, margin=0.75)
    churn = {"val/moe/block_0/churn": 0.0625}
    write_run(replace(newer, metrics=newer.metrics | {"final": churn}))
    html = routing_table(load_runs([tmp_path]))
    cells = ("0.375", "-", "-", "-", "-", "-", "0.125", "0.750", "0.062")
    written = "".join(f"<td>{value}</td>" for value in cells)
    assert f"<tr><td>moe</td><td>block_0</td>{written}</tr>" in html
    assert "Churn of favourites" not in html
    assert html.count("<th ") == 2 + len(cells)


def test_a_hostile_layer_is_escaped_on_the_page(write_run, fake, tmp_path):
    write_run(routed(fake("moe", 0, 0.9), "<u>a/b</u>", dead_experts=2.0))
    page = build_report([tmp_path / "runs"], tmp_path / "out").page.read_text()
    assert "<h2>Routing on the test split</h2>" in page
    assert "<td>&lt;u&gt;a/b&lt;/u&gt;</td>" in page
    assert "<u>" not in page


def test_without_a_mixture_there_is_no_routing_table(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9))
    assert routing_table(load_runs([tmp_path])) == ""
