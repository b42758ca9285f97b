import json

import pytest

from triptych.errors import InvalidSetting
from triptych.report.study.outcomes import read_outcomes

from .made import study


def test_scores_are_those_of_the_comparison_by_seed(tmp_path):
    """A tuning run scores 1 here, and must be in no mean."""
    found = study(tmp_path, lambda run: 1.0 if run.stage == "tuning" else 0.5)
    scores = found.scores("K=1", "dense")
    assert list(scores) == [0, 1, 2, 3, 4, 5]
    assert max(scores.values()) < 0.51


@pytest.mark.parametrize("status", ["failed", "running", "interrupted"])
def test_a_run_that_did_not_finish_has_no_score(tmp_path, status):
    found = study(tmp_path, lambda run: 0.5)
    job = found.compared("K=1", "dense")[0].trial.job
    file = tmp_path / str(job) / "result.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "status": status}))
    assert list(read_outcomes(tmp_path).scores("K=1", "dense")) == [1, 2, 3, 4, 5]


def test_a_run_that_was_not_started_has_no_score_either(tmp_path):
    found = study(tmp_path, lambda run: 0.5)
    (tmp_path / str(found.compared("K=32", "moe")[2].trial.job) / "result.json").unlink()
    assert list(read_outcomes(tmp_path).scores("K=32", "moe")) == [0, 1, 3, 4, 5]


def test_a_metric_that_was_not_measured_is_absent(tmp_path):
    found = study(tmp_path, lambda run: 0.5, lambda run: {"test/nmi": 0.9} if run.seed else {})
    assert list(found.scores("K=1", "moe", "test/nmi")) == [1, 2, 3, 4, 5]
    assert found.scores("K=1", "moe", "test/none") == {}


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(InvalidSetting, match=r"no study\.json"):
        read_outcomes(tmp_path)
