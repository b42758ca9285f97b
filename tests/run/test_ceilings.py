from omegaconf import OmegaConf

from triptych import result as results
from triptych.report.ceilings import ceiling_of, read_ceilings
from triptych.run import Ceilings, measure_ceilings

from ..composed import composed


def leave_run(folder, seed, *overrides, status="finished"):
    config = composed(*overrides, f"seed={seed}")
    run = results.Result(status, f"run{seed}", "ffn", seed, config=config)
    results.write(run, folder)
    return config


def test_each_data_set_of_a_sweep_is_asked_once_with_its_lowest_seed(tmp_path):
    noisy = leave_run(tmp_path / "0", 4, "data=support", "data.label_noise=0.25")
    plain = leave_run(tmp_path / "1", 3, "data=support")
    leave_run(tmp_path / "2", 2, "data=support", "data.label_noise=0.25")
    leave_run(tmp_path / "3", 1, "data=support", "data.label_noise=0.5", status="failed")
    found = measure_ceilings(tmp_path)
    assert {(one.seed, one.accuracy) for one in found} == {(2, 0.75), (3, 1.0)}
    assert read_ceilings(tmp_path) == found
    assert ceiling_of(found, noisy).accuracy == 0.75
    assert ceiling_of(found, plain).accuracy == 1.0


def test_data_of_which_nobody_knows_it_have_none(tmp_path):
    config = leave_run(tmp_path / "0", 0, "data=multimodal", "data.noise=0")
    assert ceiling_of(measure_ceilings(tmp_path), config) is None


def test_it_comes_at_the_end_of_a_sweep(tmp_path):
    leave_run(tmp_path / "0", 0, "data=support")
    sweep = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path)}}})
    Ceilings().on_multirun_end(sweep)
    assert [one.accuracy for one in read_ceilings(tmp_path)] == [1.0]
