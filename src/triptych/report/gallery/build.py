"""The gallery on disk."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

from triptych.report.chart import Chart
from triptych.report.gallery.exhibit import Exhibit
from triptych.report.gallery.material import Material
from triptych.report.gallery.notebook import notebook
from triptych.report.gallery.slides import slides
from triptych.report.html import figure, table, whole_page
from triptych.report.matplotlib_chart import save_png
from triptych.report.runs import Runs
from triptych.report.study.provenance import made_on
from triptych.result import write_whole

TITLE = "Gallery: what the sources show, and what is true"
INTRODUCTION = (
    "This project began with slides and a notebook on dense, sparse and mixture-of-experts nets. "
    "For each of their figures: what is wrong with it, in one sentence, and the same question "
    "answered by nets that were trained, counted and timed. Nothing on this page is simulated. The "
    "trainings are small and their learning rates are defaults: for verdicts, with rates tuned for "
    "each net, see the studies (make study, and evidence/)."
)


def build_gallery(material: Material, out: Path) -> Path:
    """Writes the page and its PNGs into the folder `out`.

    Returns:
        The page.
    """
    exhibits = [_named(exhibit) for exhibit in (*slides(material), *notebook(material))]
    (out / "figures").mkdir(parents=True, exist_ok=True)
    for stale in (out / "figures").glob("*.png"):
        stale.unlink()
    for chart in _charts(exhibits):
        save_png(chart, out / "figures")
    return write_whole(out / "index.html", _page(exhibits, material))


def _named(exhibit: Exhibit) -> Exhibit:
    """With charts whose names are theirs alone, as several exhibits may draw the same figure."""
    names = (f"{exhibit.address}-{chart.name}" for chart in exhibit.charts)
    charts = [replace(c, name=name) for c, name in zip(exhibit.charts, names, strict=True)]
    return replace(exhibit, charts=charts)


def _charts(exhibits: Sequence[Exhibit]) -> list[Chart]:
    return [chart for exhibit in exhibits for chart in exhibit.charts]


def _page(exhibits: Sequence[Exhibit], material: Material) -> str:
    panes = sum(len(chart.panes) for chart in _charts(exhibits))
    links = "".join(
        f'<a href="#{exhibit.address}">{escape(exhibit.place)}</a>' for exhibit in exhibits
    )
    top = (
        f'<header><h1>{escape(TITLE)}</h1><p class="byline">{escape(made_by(material))}</p>'
        f"<p>{escape(INTRODUCTION)}</p>"
        "<p><code>make gallery</code> makes all of it; the commands below make its parts.</p>"
        f"<nav>{links}</nav></header>"
    )
    body = top + "".join(map(_section, exhibits)) + _sizes(material)
    footer = "<footer>Made by Triptych. Figures as PNG lie in figures/ beside this page.</footer>"
    return whole_page(TITLE, body + footer, panes)


def _section(exhibit: Exhibit) -> str:
    found = "".join(f"<p>{escape(sentence)}</p>" for sentence in exhibit.found)
    return (
        f'<section id="{exhibit.address}" class="exhibit">'
        f"<h2>{escape(exhibit.place)}: {escape(exhibit.title)}</h2>"
        f'<p class="flaw"><strong>In the source:</strong> {escape(exhibit.flaw)}</p>'
        f"{found}{''.join(map(figure, exhibit.charts))}"
        f"<pre>{escape(exhibit.command)}</pre></section>"
    )


def _sizes(material: Material) -> str:
    """What was trained, in a table."""
    named = {
        "boundaries": material.boundaries,
        "families": material.families,
        "notebook": material.notebook,
    }
    head = ("training", "runs", "seeds", "samples", "epochs", "seconds in all")
    rows = [(name, *_size(runs)) for name, runs in named.items()]
    return f'<section id="sizes"><h2>What was trained</h2>{table(head, rows)}</section>'


def _size(runs: Runs) -> tuple[str, ...]:
    done = [run.result for run in runs.finished]
    data = [result.config.get("data", {}) for result in done]
    samples = {str(d.get("n_train", d.get("n_samples", "?"))) for d in data}
    return (
        str(len(done)),
        ", ".join(map(str, sorted({result.seed for result in done}))),
        ", ".join(sorted(samples)),
        ", ".join(map(str, sorted({result.epochs for result in done}))),
        f"{sum(result.seconds.get('total', 0.0) for result in done):.0f}",
    )


def made_by(material: Material) -> str:
    """How many runs, by which code and on which machine."""
    every = (material.boundaries, material.families, material.notebook)
    done = [run.result for runs in every for run in runs.finished]
    return f"{len(done)} runs. {made_on(done)}"
