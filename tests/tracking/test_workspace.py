"""The workspace names what runs log: held against the offline log of a run of each panel."""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from triptych.dashboard import PANELS, SECTIONS, Curves, Section, View
from triptych.errors import InvalidSetting
from triptych.tracking.workspace import (
    panels_of,
    require_workspaces,
    specification,
    workspace,
)

from ..dashboard.test_contents import RUNS
from ..e2e.commands import Commands
from .wandb_log import Run, closed_runs

pytest.importorskip("wandb_workspaces")
pytestmark = [pytest.mark.slow, pytest.mark.wandb_protocol]

VIEWS = [view for section in SECTIONS for view in section.views]
CASES = [(view, panel) for view in VIEWS for panel in view.panels]


@pytest.fixture(scope="module")
def runs(shared: Commands) -> dict[str, Run]:
    """An offline run of each panel, by its name."""
    for panel, typed in RUNS.items():
        run = shared.script("train.py", "debug=fast", f"hydra.run.dir={panel}", *typed)
        assert run.code == 0, run.err
        assert "wandb: offline (not logged in)" in run.err
    return {run.job_type: run for run in closed_runs(shared.place / "logs")}


def nodes(spec: Any) -> Iterator[Mapping[str, Any]]:
    """All mappings in a specification."""
    if isinstance(spec, Mapping):
        yield spec
        spec = list(spec.values())
    if isinstance(spec, list):
        for inner in spec:
            yield from nodes(inner)


def named_by(spec: Any) -> Iterator[tuple[str, str]]:
    """Where a panel looks, and for what."""
    for node in nodes(spec):
        for name in (*node.get("metrics", ()), *node.get("mediaKeys", ())):
            yield "summary" if name.startswith("summary_metrics.") else "history", name
        for key in ("xAxis", "yAxis", "accessor", "groupBy"):
            name = node.get(key)
            if isinstance(name, str):
                place = name.partition(":")[0] if ":" in name else "history"
                yield ("config" if key == "groupBy" else place), name
        if "targetKey" in node:
            yield "summary", node["targetKey"]
        if "metricRegex" in node:
            yield "expression", node["metricRegex"]
        if isinstance(picked := node.get("val"), str) and picked.startswith("tables/"):
            yield "history", picked


def at(node: Any, *path: str) -> bool:
    """Whether nested mappings have a value at a path."""
    for key in path:
        if not isinstance(node, Mapping) or key not in node:
            return False
        node = node[key]
    return True


def is_logged(place: str, name: str, run: Run) -> bool:
    """Whether a run has what a panel looks for there."""
    logged = {key for row in run.history for key in row}
    name = name.partition(":")[2] or name.removeprefix("summary_metrics.")
    match place:
        case "summary":
            metric, _, kept = name.rpartition(".")
            plain = at(run.summary, name) and not isinstance(run.summary[name], Mapping)
            return plain or at(run.summary, metric, kept)
        case "config":
            group, _, rest = name.replace(".value", "").partition(".")
            return at(run.config, group, *rest.split("."))
        case "expression":
            return any(re.search(name, key) for key in logged)
        case _:
            return name in logged


def spec_of(view: View) -> Any:
    (section,) = specification(workspace([Section("", (view,))], "me", "p"))["section"][
        "panelBankConfig"
    ]["sections"]
    return section["panels"]


@pytest.mark.parametrize(("view", "panel"), CASES, ids=[f"{p}-{v.title}" for v, p in CASES])
def test_a_run_of_the_panel_logs_what_the_panels_of_a_view_name(
    runs: Mapping[str, Run], view: View, panel: str
) -> None:
    found = list(named_by(spec_of(view)))
    others = [run for name, run in runs.items() if name != panel]
    for place, name in found:
        # A setting that other panels have is in the workspace for them.
        elsewhere = place == "config" and any(is_logged(place, name, run) for run in others)
        assert is_logged(place, name, runs[panel]) or elsewhere, (place, name)
    assert found or view.title in ("Two runs side by side", "How to read it")


def test_an_expression_is_for_no_longer_name() -> None:
    (node,) = spec_of(Curves("", ("val/moe/*/load",)))
    expression = node["config"]["metricRegex"]
    assert re.search(expression, "val/moe/block_0/load")
    assert not re.search(expression, "val/moe/block_0/load/3")
    assert not re.search(expression, "old/val/moe/block_0/load")


def test_names_and_expressions_of_one_view_become_a_panel_each() -> None:
    panels = spec_of(Curves("", ("val/acc", "val/*/a", "val/loss", "val/*/b")))
    assert [panel["config"]["metrics"] for panel in panels] == [["val/acc", "val/loss"], [], []]


def test_every_view_has_a_panel() -> None:
    assert all(panels_of(Section("", (view,))) for view in VIEWS)
    built = specification(workspace(SECTIONS, "me", "p"))["section"]["panelBankConfig"]["sections"]
    assert [section["name"] for section in built] == [section.title for section in SECTIONS]


def test_a_missing_package_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    with pytest.raises(InvalidSetting, match=r"^[^\n]*pip install -e '\.\[trackers\]'$"):
        require_workspaces()


def test_the_runs_are_of_all_panels(runs: Mapping[str, Run], shared: Commands) -> None:
    assert runs.keys() == set(PANELS)
    assert not list(Path(shared.place).glob("logs/wandb/run-*"))
