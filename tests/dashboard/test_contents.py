"""What the dashboard names is really there: held against a run of each panel."""

from collections.abc import Iterator, Mapping

import pytest

from triptych.dashboard import (
    PANELS,
    SECTIONS,
    X_METRICS,
    Comparison,
    Curves,
    Heat,
    Importance,
    Parallel,
    Points,
    Rank,
    Table,
    View,
    is_named,
)
from triptych.evaluations import read

from ..e2e.commands import Commands, Outcome

pytestmark = pytest.mark.slow

# The variant of each panel that logs all that the panel can.
RUNS: Mapping[str, tuple[str, ...]] = {
    "ffn": ("model=ffn",),
    "sparse": ("model=sparse", "model/rule=rigl", "model.rule.every=2"),
    "moe": ("model=moe",),
}
VIEWS = [view for section in SECTIONS for view in section.views]
CASES = [(view, panel) for view in VIEWS for panel in view.panels]


@pytest.fixture(scope="module")
def runs(shared: Commands) -> dict[str, Outcome]:
    return {panel: shared.train(*typed, name=panel) for panel, typed in RUNS.items()}


def metrics_of(view: View) -> Iterator[str]:
    match view:
        case Curves():
            yield from view.metrics
            if view.x != "step":
                yield X_METRICS[view.x]
        case Points():
            yield from (view.x.metric, view.y.metric)
        case Parallel():
            yield from (value.metric for value in view.values)
        case Rank() | Importance():
            yield view.value.metric
        case _:
            return


def table_of(view: View) -> str | None:
    return view.table if isinstance(view, Heat | Table) else None


@pytest.mark.parametrize(("view", "panel"), CASES, ids=[f"{p}-{v.title}" for v, p in CASES])
def test_a_run_of_the_panel_logs_what_a_view_names(
    runs: Mapping[str, Outcome], view: View, panel: str
) -> None:
    run = runs[panel]
    assert run.code == 0, run.err
    logged = {key for _, key in run.numbers}
    for metric in metrics_of(view):
        assert any(is_named(metric, key) for key in logged), metric
    table = table_of(view)
    assert table is None or table in run.result.tables
    if isinstance(view, Heat):
        before_test = [one for one in read(run.folder) if one.split == "val"]
        assert [view.table in one.tables for one in before_test] == [True, True]  # two epochs


def test_a_setting_belongs_to_some_panel(runs: Mapping[str, Outcome]) -> None:
    models = [run.result.config["model"] for run in runs.values()]
    named = {
        s for v in VIEWS if isinstance(v, Parallel | Importance | Comparison) for s in v.settings
    }
    for setting in named:
        group, _, key = setting.partition(".")
        assert group == "model"
        assert any(key in model for model in models), setting


def test_every_panel_has_views_of_its_own() -> None:
    alone = {view.panels for view in VIEWS if len(view.panels) == 1}
    assert alone == {("sparse",), ("moe",)}
    assert all(set(view.panels) <= set(PANELS) for view in VIEWS)
