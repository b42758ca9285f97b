import pytest

from triptych.errors import IncompatibleSettings, InvalidSetting, TrainingDiverged, check_dropout


def test_a_sweep_can_tell_pairs_that_do_not_fit_from_plain_mistakes():
    assert issubclass(IncompatibleSettings, InvalidSetting)
    assert issubclass(InvalidSetting, ValueError)
    assert not issubclass(TrainingDiverged, ValueError)


@pytest.mark.parametrize("probability", [0, 0.0, 0.5, 0.999])
def test_every_share_below_one_is_a_dropout(probability):
    check_dropout(probability)


@pytest.mark.parametrize("probability", [-1e-9, 1, 2.5, float("nan")])
def test_all_else_is_none(probability):
    with pytest.raises(InvalidSetting, match=rf"dropout must be in \[0, 1\), got {probability}"):
        check_dropout(probability)
