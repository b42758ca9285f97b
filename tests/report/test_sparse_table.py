import math
from dataclasses import replace

from triptych.report.build import build_report
from triptych.report.runs import load_runs
from triptych.report.sparse_table import sparse_table

LAYER = {"layer": "block_0.1", "density": 0.25, "nonzeros": 2560, "size": 10240, "target": 0.2}


def sparse(fake, seed, row, overrides=(), **metrics):
    changes = {"overrides": list(overrides), "tables": {"density": [row]}}
    result = fake("sparse", seed, 0.9, **changes)
    return replace(result, metrics={"test": {"test/acc": 0.9}, "final": metrics})


def test_nets_and_layers_are_means_over_seeds(write_run, fake, tmp_path):
    for seed in range(2):
        row = {**LAYER, "least_fan_in": seed, "dead_units": 3 - seed, "speed": 0.5 + seed}
        flops = {"compute/train_flops": 1e9, "compute/train_flops_executed": 2e9 + 2e9 * seed}
        write_run(sparse(fake, seed, row, **flops))
    html = sparse_table(load_runs([tmp_path]))
    assert "<tr><td>sparse</td><td>1 G</td><td>3 G</td></tr>" in html
    cells = (
        "20.00\N{NO-BREAK SPACE}%",
        "25.00\N{NO-BREAK SPACE}%",
        "2,560",
        "10,240",
        "0.5",
        "2.5",
        "1.00",
    )
    row = "".join(f"<td>{cell}</td>" for cell in ("sparse", "block_0.1", *cells))
    assert f"<tr>{row}</tr>" in html


def test_what_no_run_measured_has_no_column_and_what_one_lacks_is_a_dash(write_run, fake, tmp_path):
    found = {"train/sparse/explored": 0.5, "time/mask_update_ms": math.nan}
    write_run(sparse(fake, 0, {**LAYER, "speed": None}, **found))
    write_run(sparse(fake, 1, LAYER, ["model.sparsity=0.9"]))
    html = sparse_table(load_runs([tmp_path]))
    assert "ms / mask update" not in html
    assert "Dead units" not in html
    assert "Speed" not in html
    assert "<td>50.00\N{NO-BREAK SPACE}%</td></tr>" in html
    assert "<td>-</td></tr>" in html


def test_a_hostile_layer_is_escaped_on_the_page(write_run, fake, tmp_path):
    write_run(sparse(fake, 0, {**LAYER, "layer": "<u>a</u>"}))
    page = build_report([tmp_path / "runs"], tmp_path / "out").page.read_text()
    assert "<h2>Sparse nets and their layers</h2>" in page
    assert "<td>&lt;u&gt;a&lt;/u&gt;</td>" in page


def test_without_a_sparse_run_there_is_no_table(write_run, fake, tmp_path):
    write_run(fake("ffn", 0, 0.9))
    assert sparse_table(load_runs([tmp_path])) == ""
