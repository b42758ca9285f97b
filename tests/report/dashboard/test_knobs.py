"""Settings of runs as the page compares them."""

from triptych.report.dashboard.knobs import knobs_of
from triptych.result import Result


def test_shared_settings_are_left_out_and_values_keep_their_kind():
    first = {"model": {"name": "moe", "top_k": 1, "lr": 0.1}, "data": {"noise": 0.5}}
    second = {"model": {"name": "moe", "top_k": 2, "lr": 0.1, "list": [1]}, "data": {"noise": 0.5}}
    results = [Result("finished", "a", "moe", 0, config=each) for each in (first, second)]
    assert knobs_of(results, ("model.lr", "model.none")) == [
        {"model.lr": 0.1, "model.top_k": 1},
        {"model.lr": 0.1, "model.top_k": 2, "model.list": "[1]"},
    ]


def test_an_object_is_told_by_the_name_of_its_class():
    results = [
        Result("finished", "a", "moe", 0, config={"model": {"router": {"_target_": target}}})
        for target in ("triptych.moe.Hash", "triptych.moe.Soft")
    ]
    assert [knobs["model.router"] for knobs in knobs_of(results, ())] == ["Hash", "Soft"]


def test_a_run_without_a_configuration_goes_by_what_was_typed():
    results = [Result("finished", "a", "moe", 0, [f"model.top_k={k}", "model=moe"]) for k in (1, 2)]
    assert knobs_of(results, ()) == [{"model.top_k": 1}, {"model.top_k": 2}]


def test_no_runs_have_no_settings():
    assert knobs_of([], ("model.lr",)) == []
