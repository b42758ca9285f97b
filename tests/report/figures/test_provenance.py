from triptych.report.figures.provenance import source
from triptych.report.runs import load_runs


def test_few_settings_are_named_and_many_are_counted(write_run, fake, tmp_path, nine_runs):
    assert source(load_runs([nine_runs]).finished) == "9 runs of ffn, sparse, moe (seeds 0, 1, 2)"
    assert source(load_runs([nine_runs / "moe-s1"]).finished) == ("1 run of moe (seed 1)")
    for k in range(5):
        write_run(fake("ffn", 0, 0.9, overrides=[f"model.d_hidden={k}"]), f"k{k}")
    assert source(load_runs([tmp_path]).finished) == "5 runs of 5 settings (seed 0)"


def test_labels_with_commas_are_kept_apart(write_run, fake, tmp_path):
    for k in range(2):
        write_run(fake("ffn", 0, 0.9, overrides=[f"model.d_hidden={k}"]), f"k{k}")
    assert "ffn, d_hidden=0; ffn, d_hidden=1" in source(load_runs([tmp_path]).finished)
