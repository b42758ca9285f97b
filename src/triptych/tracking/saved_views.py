"""The dashboard on the server of W&B: one workspace and one report, updated in place."""

from collections.abc import Callable
from typing import Any

from triptych.dashboard import SECTIONS, Section, Words
from triptych.tracking.workspace import NAME, panels_of, workspace


def save_workspace(entity: str, project: str, url: str | None) -> str:
    """Saves the dashboard in the view at an address, or in a new one; gives the address."""
    import wandb_workspaces.workspaces as ws

    built = workspace(SECTIONS, entity, project)
    view = _found(ws.Workspace.from_url, url)
    if view is None:
        return str(built.save().url)
    view.name, view.sections, view.settings = built.name, built.sections, built.settings
    return str(view.save().url)


def save_report(entity: str, project: str, url: str | None) -> str:
    """The same for a draft of a report. Its runs must be on the server by then."""
    from wandb_workspaces.reports.v2.interface import Report

    found = _found(Report.from_url, url)
    report = found or Report(project=project, entity=entity, title=NAME)
    report.description = "Dense, sparse and mixture-of-experts nets under the same budget"
    report.blocks = [b for section in SECTIONS for b in _blocks(section, entity, project)]
    return str(report.save(draft=True).url)


def _blocks(section: Section, entity: str, project: str) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr
    from wandb_workspaces.reports.v2.interface import Runset

    words = [view for view in section.views if isinstance(view, Words)]
    drawn = tuple(view for view in section.views if not isinstance(view, Words))
    blocks: list[Any] = [wr.H2(section.title)]
    blocks += [wr.MarkdownBlock(view.text) for view in words]
    if drawn:
        runs = Runset(entity=entity, project=project)
        panels = panels_of(Section(section.title, drawn))
        blocks.append(wr.PanelGrid(runsets=[runs], panels=panels))
    return blocks


def _found(load: Callable[[str], Any], url: str | None) -> Any:
    """What is at an address; None if nothing is, as when somebody deleted it."""
    try:
        return load(url) if url else None
    except (ValueError, TypeError, KeyError):
        return None
