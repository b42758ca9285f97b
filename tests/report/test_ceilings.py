import pytest

from triptych.errors import InvalidSetting
from triptych.report import build_report
from triptych.report.ceilings import KnownCeiling, ceiling_of, read_ceilings, write_ceilings
from triptych.report.headline import headline
from triptych.report.runs import load_runs

from .conftest import fake_config


def known(accuracy: float, standard_error: float = 0.0, **data: object) -> KnownCeiling:
    return KnownCeiling({"n_train": 800, "batch_size": 32, **data}, 0, accuracy, standard_error)


def test_what_was_written_is_read_and_belongs_to_runs_with_the_same_data_of_any_seed(tmp_path):
    write_ceilings(tmp_path, [known(0.9, noise=1), known(0.8, 0.01)])
    found = read_ceilings(tmp_path)
    assert found == [known(0.9, noise=1), known(0.8, 0.01)]
    assert ceiling_of(found, fake_config("moe", 7, ())) == known(0.8, 0.01)
    assert ceiling_of(found, fake_config("moe", 7, ["data.noise=2"])) is None
    assert read_ceilings(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("text", ["", "[1]", '[{"accuracy": 1}]'])
def test_another_file_of_that_name_is_refused(tmp_path, text):
    (tmp_path / "ceilings.json").write_text(text)
    with pytest.raises(InvalidSetting, match="does not hold ceilings"):
        read_ceilings(tmp_path)


@pytest.mark.parametrize(
    ("ceiling", "scores", "exceeded"),
    [
        (known(0.9), [0.9, 0.9], False),
        (known(0.9), [0.91, 0.91], True),
        (known(0.9), [0.88, 0.94], False),  # the mean is .91 ± .03
        (known(0.9), [0.905, 0.915], False),  # .01 above with a standard error of .005
        (known(0.9), [0.919, 0.921], True),
        (known(0.9, 0.01), [0.919, 0.921], False),
        (known(0.9), [], False),
        (known(0.9, n_test=10_000), [0.908], False),  # a test split alone gives .003
        (known(0.9, n_test=10_000), [0.91], True),
        (known(0.9, n_test=10_000), [0.906, 0.906], False),
        (known(0.9, n_test=10_000), [0.907, 0.907], True),
        (known(1.0, n_test=10_000), [1.0], False),
    ],
)
def test_above_is_a_mean_beyond_three_standard_errors(ceiling, scores, exceeded):
    assert ceiling.is_exceeded(scores) is exceeded


def test_the_report_says_what_can_be_known_and_who_is_above_it(tmp_path, write_run, fake):
    for seed in range(3):
        folder = write_run(fake("moe", seed, 0.9 + seed / 1000)).parent
    assert "exceed" not in " ".join(headline(load_runs([folder])).remarks)
    write_ceilings(folder, [known(0.995, 0.001)])
    remarks = headline(load_runs([folder])).remarks
    assert "No classifier can exceed 99.50 ± 0.20 % on average." in remarks
    assert "ABOVE" not in " ".join(remarks)
    write_ceilings(folder, [known(0.5)])
    page = build_report([folder], tmp_path / "out").page.read_text()
    assert "moe is ABOVE that by more than chance allows" in page
