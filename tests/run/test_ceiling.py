import pytest
from omegaconf import OmegaConf

from triptych.data import Ceiling, multimodal
from triptych.errors import InvalidSetting
from triptych.run import ceiling

from ..composed import composed


def found(*overrides: str) -> Ceiling | None:
    return ceiling(OmegaConf.create(composed(*overrides, primary="ceiling")))


def test_the_data_of_the_settings_are_asked(monkeypatch):
    monkeypatch.setattr(multimodal, "SAMPLES", 200)
    quiet, loud = found("data=multimodal_source"), found("data=multimodal", "data.noise=1")
    assert quiet.samples == loud.samples == 200
    assert quiet.accuracy > 0.98 > 0.85 > loud.accuracy
    assert found("data.noise=0") is None


def test_settings_are_checked_as_for_training():
    with pytest.raises(InvalidSetting, match=r"data\.seq_len=8.5 must be a whole number"):
        found("data.seq_len=8.5")
    with pytest.raises(InvalidSetting, match=r"data\.num_families=2.5 must be a whole number"):
        found("data=attributes", "data.num_families=2.5")
