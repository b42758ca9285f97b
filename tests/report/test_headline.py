from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triptych.report.headline import MEASURED_ON, compare, headline
from triptych.report.runs import Runs, load_runs
from triptych.report.statistics import smallest_detectable


def scores(base: float, *noise: float) -> dict[int, float]:
    return {seed: base + extra for seed, extra in enumerate(noise)}


def test_a_lead_is_told_with_its_interval():
    found = compare({"moe": scores(0.95, 0, 0.001, 0.002, 0.003), "ffn": scores(0.9, 0, 0, 0, 0)})
    # Mean 5.15, sd 0.129, n = 4: half width 3.182 * 0.129 / 2 = 0.205.
    assert found.text == (
        "moe is ahead of ffn by 5.15 points of test accuracy (95 % interval [4.94, 5.36], "
        "4 paired seeds)."
    )
    assert found.remarks == ()


def test_a_lead_below_the_margin_says_how_small_it_is():
    noise = (0.0, 0.0001, 0.0002, 0.0001)
    found = compare({"moe": scores(0.901, *noise), "ffn": scores(0.9, 0, 0, 0, 0)})
    assert found.comparisons[0].verdict == "ahead"
    assert found.text.endswith("That is less than the 0.3 points that count as a tie.")


def test_a_tie_needs_the_equivalence_test():
    noise = (0.0005, -0.0005, 0.0004, -0.0003)
    found = compare({"moe": scores(0.9, *noise), "ffn": scores(0.9, 0, 0, 0, 0)})
    assert found.comparisons[0].verdict == "tie"
    assert found.text.startswith("moe and ffn tie: their difference of 0.00 points (95 % interval")
    assert "is within ±0.3 points (equivalence test, p = 0.00" in found.text


def test_a_close_mean_without_the_equivalence_test_is_no_tie():
    noise = (0.03, -0.03, 0.02, -0.02)
    found = compare({"moe": scores(0.9, *noise), "ffn": scores(0.9, 0, 0, 0, 0)})
    assert found.comparisons[0].verdict == "not shown"
    sd = float(np.std(noise, ddof=1))
    assert found.text.startswith(
        "No difference shown between moe and ffn with 4 seeds (0.00 points"
    )
    assert f"smallest detectable: {100 * smallest_detectable(sd, 4):.2f} points" in found.text


def test_a_lead_that_holm_takes_back_is_not_told_as_one():
    # moe - ffn alone has p = 0.02; three pairs triple it.
    noise = (0.007, 0.014, 0.022, 0.012)
    settings = {
        "ffn": scores(0.9, 0, 0, 0, 0),
        "sparse": scores(0.9, 0.03, -0.03, 0.02, -0.03),
        "moe": scores(0.9, *noise),
    }
    alone = compare({name: settings[name] for name in ("ffn", "moe")})
    assert alone.comparisons[0].verdict == "ahead"
    found = compare(settings)
    against_ffn = next(c for c in found.comparisons if c.second == "ffn")
    assert against_ffn.paired.p < 0.05 <= against_ffn.corrected_p
    assert against_ffn.sentence.startswith("No difference shown between moe and ffn with 4 seeds")
    assert "do not pass Holm's correction over 3 pairs" in against_ffn.sentence
    assert "correction over all 3 pairs" in found.remarks[0]


def test_one_seed_cannot_show_a_difference():
    found = compare({"moe": {0: 0.95}, "ffn": {0: 0.9}})
    assert found.text == (
        "moe is 5.00 points above ffn on the one seed that they share: one seed cannot show a "
        "difference."
    )


def test_settings_without_a_common_seed_are_not_compared():
    found = compare({"moe": {0: 0.95}, "ffn": {1: 0.9}})
    assert found.text == "moe and ffn share no seed, so they are not compared."


def test_the_same_gap_in_every_seed_is_no_proof():
    found = compare({"moe": {0: 0.95, 1: 0.96}, "ffn": {0: 0.90, 1: 0.91}})
    assert found.text.startswith("moe is 5.00 points above ffn in each of 2 paired seeds")


def test_equal_accuracy_in_every_seed_is_no_tie():
    found = compare({"moe": {0: 0.95, 1: 0.96}, "ffn": {0: 0.95, 1: 0.96}})
    assert found.comparisons[0].verdict == "no spread"
    assert found.text.startswith("moe and ffn have the same accuracy in each of 2 paired seeds")


def test_a_pair_without_spread_does_not_ease_the_correction_of_others():
    settings = {
        "moe": scores(0.9, 0.007, 0.014, 0.022, 0.012),
        "twin": scores(0.8, 0.007, 0.014, 0.022, 0.012),
        "ffn": scores(0.9, 0, 0, 0, 0),
    }
    p = compare({name: settings[name] for name in ("moe", "ffn")}).comparisons[0].paired.p
    found = {c.second: c for c in compare(settings).comparisons}
    # Of three p values, twin - ffn (tiny) comes first; moe - ffn is second of three: times 2.
    assert found["ffn"].corrected_p == pytest.approx(2 * p)


def test_no_number_is_a_negative_zero():
    noise = (0.0015, 0.0004, 0.0015, 0.00075, 0.0014)
    found = compare({"moe": scores(0.9, *noise), "ffn": scores(0.9, 0, 0, 0, 0, 0)})
    low = found.comparisons[0].paired.low
    flat = [0.0, 0.002, 0.0, 0.002]
    gap = compare({"moe": scores(0.9, *flat), "ffn": scores(0.9, 0, 0, 0, 0)}).comparisons[0]
    near = replace(gap, paired=replace(gap.paired, low=-0.00001))
    assert low > 0
    assert "[0.00, " in near.sentence
    assert "-0.00" not in near.sentence


def test_the_smallest_detectable_difference_is_that_of_the_corrected_test():
    noise = (0.03, -0.03, 0.02, -0.02)
    settings = {
        "moe": scores(0.91, *noise),
        "ffn": scores(0.9, 0, 0, 0, 0),
        "sparse": scores(0.9, 0.01, 0, 0, 0.01),
    }
    found = next(c for c in compare(settings).comparisons if c.second == "ffn")
    sd = float(np.std(noise, ddof=1))
    assert found.detectable == pytest.approx(smallest_detectable(sd, 4, alpha=0.05 / 3))
    assert "smallest detectable at p < 0.05 / 3: " in found.sentence
    assert "Holm's first step, p < 0.05 / 3" in compare(settings).remarks[-1]


def test_the_best_mean_is_chosen_over_the_common_seeds():
    # ffn's own mean is the highest because of seeds that the others have not run.
    settings = {
        "ffn": {**scores(0.8, 0, 0.01), 8: 0.999, 9: 0.999},
        "moe": scores(0.85, 0.001, 0.02),
        "sparse": scores(0.7, 0, 0.03),
    }
    found = compare(settings)
    assert {name for c in found.comparisons for name in (c.first, c.second)} == set(settings)
    assert all("moe" in (c.first, c.second) for c in found.comparisons)
    assert found.remarks[0] == "The best mean is that over the 2 seeds that all settings share."


def test_without_two_common_seeds_it_says_that_means_are_over_own_seeds():
    found = compare({"moe": {0: 0.9, 1: 0.8}, "ffn": {0: 0.7, 2: 0.6}})
    assert "share fewer than two seeds" in found.remarks[0]


def test_who_is_ahead_follows_the_common_seeds_not_the_overall_mean():
    # ffn's mean is higher because of seed 9, which moe has not run.
    noise = (0.001, 0.002, 0.003, 0.002)
    ffn = {**scores(0.9, 0, 0, 0, 0), 9: 0.999}
    found = compare({"ffn": ffn, "moe": scores(0.905, *noise)})
    assert found.text.startswith("moe is ahead of ffn")


def test_one_setting_is_described():
    found = compare({"moe": {0: 0.95, 1: 0.97}, "ffn": {}})
    assert found.text == "Only moe was trained to its end: test accuracy 96.00 % over 2 seeds."


def test_many_settings_are_counted():
    rng = np.random.default_rng(0)
    settings = {f"s{k}": scores(0.5 + 0.05 * k, *rng.normal(0, 0.001, 6)) for k in range(7)}
    found = compare(settings)
    assert found.text == (
        f"s6 has the highest mean test accuracy ({100 * np.mean(list(settings['s6'].values())):.2f}"
        " %) of 7 settings: ahead of 6."
    )
    assert len(found.comparisons) == 6


def test_every_verdict_is_counted_by_its_own_words():
    settings = {
        "best": {**scores(0.9, 0.01, 0.02, 0.015, 0.012), 9: 0.99},
        "flat": scores(0.8, 0.01, 0.02, 0.015, 0.012),
        "low": scores(0.5, 0.001, 0.002, 0.001, 0.002),
        "one": {0: 0.4},
        "none": {7: 0.3},
        "near": scores(0.88, 0.2, -0.16, 0.08, -0.09),
    }
    assert (
        compare(settings)
        .sentences[0]
        .endswith(
            "of 6 settings: ahead of 1, no difference shown to 1, the same gap in every seed to 1, "
            "only one seed in common with 1, no seed in common with 1."
        )
    )


def test_a_setting_that_leads_on_the_shared_seeds_is_counted_as_such():
    ffn = {**scores(0.9, 0, 0, 0, 0), 9: 0.999}
    noise = (0.001, 0.002, 0.003, 0.002)
    rest = {f"s{k}": {20 + k: 0.1} for k in range(4)}
    found = compare({"ffn": ffn, "moe": scores(0.905, *noise), **rest})
    assert "ffn has the highest mean" in found.text
    assert "behind 1 on the seeds that the two share, no seed in common with 4." in found.text


def test_without_accuracy_or_runs_it_says_so():
    assert compare({"moe": {}}).text == "No test accuracy was measured."
    assert headline(Runs(())).text == "No finished run."


def test_the_headline_says_where_accuracy_was_measured(nine_runs: Path):
    found = headline(load_runs([nine_runs]))
    assert found.remarks[-1] == MEASURED_ON
    assert found.sentences[0].startswith("moe is ahead of ffn by 3.8")
    assert len(found.sentences) == 2


def test_settings_are_compared_only_on_the_same_data(write_run, fake, tmp_path):
    for data, panel, accuracy in (("a", "ffn", 0.5), ("a", "moe", 0.6), ("b", "ffn", 0.9)):
        overrides = [f"model={panel}", f"data={data}"]
        write_run(fake(panel, 0, accuracy, overrides=overrides), f"{data}{panel}")
    found = headline(load_runs([tmp_path]))
    assert [(c.first, c.second) for c in found.comparisons] == [("moe, data=a", "ffn, data=a")]
    assert any(text.startswith("With data=b: Only ffn, data=b") for text in found.sentences)


def test_less_data_under_another_option_is_not_compared(write_run, fake, tmp_path):
    for seed in range(2):
        small = {"data": {"seed": seed, "n_train": 512}}
        overrides = ["debug=fast"]
        write_run(fake("moe", seed, 0.9 + 0.01 * seed), f"a{seed}")
        write_run(fake("ffn", seed, 0.5, config=small, overrides=overrides), f"b{seed}")
    found = headline(load_runs([tmp_path]))
    assert found.comparisons == ()
    assert any(text.startswith("With n_train=512: Only ffn") for text in found.sentences)


def test_one_configuration_under_two_names_is_not_compared_with_itself(write_run, fake, tmp_path):
    config = fake("ffn", 0, 0.9).config
    for seed, typed in enumerate([["model.d_hidden=64"], ["model=ffn"]]):
        write_run(
            fake("ffn", seed, 0.9, config=data_seed(config, seed), overrides=typed), f"{seed}"
        )
    runs = load_runs([tmp_path])
    assert runs.settings == ("ffn",)


def data_seed(config, seed):
    return {**config, "seed": seed, "data": {**config["data"], "seed": seed}}


@pytest.mark.parametrize("margin", [0.001, 0.02])
def test_the_margin_decides_what_a_tie_is(margin):
    noise = (0.005, -0.005, 0.004, -0.003)
    found = compare({"moe": scores(0.9, *noise), "ffn": scores(0.9, 0, 0, 0, 0)}, margin)
    assert (found.comparisons[0].verdict == "tie") is (margin == 0.02)
