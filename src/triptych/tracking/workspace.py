"""The dashboard as a workspace of W&B: one panel for each view.

wandb-workspaces is an extra, imported when a workspace is built. Nothing here needs a login.
"""

import importlib.util
import json
from collections.abc import Sequence
from typing import Any

from triptych.dashboard import (
    X_METRICS,
    Comparison,
    Curves,
    Heat,
    Importance,
    Parallel,
    Points,
    Rank,
    Section,
    Table,
    Value,
    View,
    Words,
    pattern,
)
from triptych.errors import InvalidSetting
from triptych.tracking.wandb import STEP
from triptych.tracking.wandb_media import heatmaps_key, table_key

NAME = "Triptych"
GROUP = "model.name"
MARKDOWN_TITLE = "#### {}\n\n{}"


def require_workspaces() -> None:
    """Raises where the package is missing.

    Raises:
        InvalidSetting: in one line that says how to get it.
    """
    if importlib.util.find_spec("wandb_workspaces") is None:
        raise InvalidSetting(
            "the dashboard on W&B needs a package that is missing: pip install -e '.[trackers]'"
        )


def workspace(sections: Sequence[Section], entity: str, project: str) -> Any:
    """A `wandb_workspaces.workspaces.Workspace` that nobody has saved yet."""
    import wandb_workspaces.workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=[
            ws.Section(name=section.title, panels=panels_of(section), is_open=True)
            for section in sections
        ],
        settings=ws.WorkspaceSettings(x_axis=STEP),
    )


def specification(built: Any) -> dict[str, Any]:
    """What saving a workspace would send, as plain data; identities in it are drawn anew."""
    # Private, as only `save` is public and that needs a server; a test holds one against the other.
    return json.loads(built._to_model().spec.model_dump_json(by_alias=True, exclude_none=True))


def panels_of(section: Section) -> list[Any]:
    """A panel of wandb-workspaces for each view of a section."""
    return [panel for view in section.views for panel in _panels(view)]


def summary_key(value: Value) -> str:
    """Where the summary of a run keeps a value.

    >>> summary_key(Value("val/acc", "accuracy", kept="max"))
    'val/acc.max'
    """
    return value.metric if value.kept == "last" else f"{value.metric}.{value.kept}"


def _panels(view: View) -> list[Any]:
    import wandb_workspaces.reports.v2 as wr
    from wandb_workspaces.reports.v2.interface import ParallelCoordinatesPlotColumn as Column

    match view:
        case Curves():
            exact = [metric for metric in view.metrics if "*" not in metric]
            shapes = [metric for metric in view.metrics if "*" in metric]
            # A panel of W&B has either names or one expression.
            named = [_lines(view, y=exact)] if exact else []
            return [*named, *(_lines(view, metric_regex=f"^{pattern(shape)}$") for shape in shapes)]
        case Points():
            return [
                wr.ScatterPlot(
                    title=view.title,
                    x=wr.SummaryMetric(summary_key(view.x)),
                    y=wr.SummaryMetric(summary_key(view.y)),
                    log_x=view.x.is_log,
                    log_y=view.y.is_log,
                )
            ]
        case Rank():
            bars = wr.BarPlot(
                title=view.title,
                metrics=[wr.SummaryMetric(summary_key(view.value))],
                groupby=wr.Config(GROUP),
                groupby_aggfunc="mean",
                groupby_rangefunc="stddev",
                title_x=view.value.title,
            )
            return [bars]
        case Parallel():
            settings = [Column(wr.Config(setting)) for setting in view.settings]
            values = [
                Column(wr.SummaryMetric(summary_key(v)), display_name=v.title, log=v.is_log)
                for v in view.values
            ]
            return [wr.ParallelCoordinatesPlot(title=view.title, columns=[*settings, *values])]
        case Importance():
            return [wr.ParameterImportancePlot(with_respect_to=summary_key(view.value))]
        case Comparison():
            return [wr.RunComparer(diff_only="split")]
        case Heat():
            return [wr.MediaBrowser(title=view.title, media_keys=[heatmaps_key(view.table)])]
        case Table():
            return [wr.WeavePanelSummaryTable(table_name=table_key(view.table))]
        case Words():
            return [wr.MarkdownPanel(markdown=MARKDOWN_TITLE.format(view.title, view.text))]


def _lines(view: Curves, **y: Any) -> Any:
    import wandb_workspaces.reports.v2 as wr

    return wr.LinePlot(
        title=view.title,
        x=X_METRICS.get(view.x, STEP),
        groupby=wr.Config(GROUP),
        groupby_aggfunc="mean",
        groupby_rangefunc="stddev",
        **y,
    )
