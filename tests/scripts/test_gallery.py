"""The gallery of small trainings: on disk, and in a real browser."""

import pytest

from triptych.errors import InvalidSetting
from triptych.report.runs import Run, load_runs
from triptych.run.gallery.trained import alone, plane, region, truth

from ..browser import Visit
from ..e2e.commands import Commands, Outcome

pytestmark = pytest.mark.slow

RUNS = (
    ("boundaries", "model=sparse"),
    ("families", "model=ffn"),
    ("families", "model=moe"),
    ("notebook", "model=notebook_moe"),
)
FIGURES = [
    "slide-01-architecture",
    "slide-03-boundaries",
    "slide-04-dense_counts",
    "slide-06-time",
    "slide-06-counts",
    "slide-07-curves",
    "slide-09-experts_alone",
    "slide-10-expert_load",
    "slide-11-counts",
    "slide-12-tasks",
    "slide-13-classes",
    "notebook-1-curves",
    "notebook-2-parameters",
    "notebook-3-expert_load",
    "notebook-4-specialisation",
]


@pytest.fixture(scope="module")
def made(shared: Commands) -> Outcome:
    for training, model in RUNS:
        settings = (f"experiment=gallery/{training}", model, "seed=0", "hydra.mode=RUN")
        done = shared.train(*settings, name=f"runs/{training}/{model.partition('=')[2]}")
        assert done.code == 0, done.err
    places = ("--runs", "runs", "--out", "page", "--samples", "no.csv")
    return shared.script("scripts/gallery.py", "--quick", *places, folder=shared.place / "page")


def test_it_says_what_it_does_and_where_the_page_is(made: Outcome) -> None:
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[-1] == "Gallery: page/index.html"


def test_each_figure_of_the_sources_has_its_counterpart_as_png(made: Outcome) -> None:
    found = sorted(file.stem for file in (made.folder / "figures").iterdir())
    assert found == sorted(FIGURES)


@pytest.fixture(scope="module")
def visit(browser, made: Outcome) -> Visit:
    return Visit(browser, made.folder / "index.html")


def test_the_page_draws_all_without_a_request_or_a_complaint(visit: Visit, made: Outcome) -> None:
    assert (visit.requests, visit.complaints) == ([(made.folder / "index.html").as_uri()], [])
    shown = visit.page.locator("figure").evaluate_all("all => all.map(figure => figure.id)")
    assert shown == FIGURES
    assert visit.announced > 20
    marks = ".trace, .hm, .points path, .contour, .shapelayer path"
    assert visit.plots(marks) == visit.announced
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_each_exhibit_says_what_was_wrong_and_what_made_its_counterpart(visit: Visit) -> None:
    exhibits = visit.page.locator("section.exhibit")
    assert exhibits.count() == 15
    for exhibit in exhibits.all():
        assert exhibit.locator(".flaw").inner_text().startswith("In the source: ")
        assert exhibit.locator("pre").inner_text().startswith(("python ", "make "))


def test_the_words_are_of_the_runs(visit: Visit, made: Outcome) -> None:
    assert "Not measured yet" in visit.page.inner_text("#slide-14")
    assert "7,500,600,010 parameters" in visit.page.inner_text("#slide-04")
    value = run_of(made, "families", "moe").result.metrics["test"]["test/moe/block_0/load_gini"]
    assert f"by seed: {value:.3f}" in visit.page.inner_text("#slide-10")


def run_of(made: Outcome, training: str, panel: str) -> Run:
    (run,) = load_runs([made.folder.parent / "runs" / training]).panel(panel).finished
    return run


def test_a_mixture_is_rebuilt_as_it_was_tested_and_its_experts_too(made: Outcome) -> None:
    run = run_of(made, "families", "moe")
    found, tested = alone(run), run.result.metrics["test"]
    assert found.mixture == {
        task: pytest.approx(tested[f"test/acc/family/{task}"]) for task in found.mixture
    }
    # As many samples of each of the 8 tasks.
    mean = sum(found.mean.values()) / len(found.mean)
    assert mean == pytest.approx(tested["test/moe/block_0/mean_single_expert"])
    assert set(found.best) == set(found.mean) == set(found.mixture)


def test_a_region_is_what_the_net_says_and_the_truth_what_the_data_say(made: Outcome) -> None:
    run = run_of(made, "boundaries", "sparse")
    said, true = region(run, 5), truth(run, 5)
    assert plane(3).tolist()[:4] == [[-1, -1], [0, -1], [1, -1], [-1, 0]]
    assert {value for row in true.probability for value in row} == {0.0, 1.0}
    assert all(0 <= value <= 1 for row in said.probability for value in row)
    assert len({value for row in said.probability for value in row}) > 5
    assert said.title == f"sparse: {100 * run.test_accuracy:.2f} % right"
    assert [len(points) for points in said.samples] == [len(points) for points in true.samples]
    with pytest.raises(InvalidSetting, match="not those of data=two_features"):
        truth(run_of(made, "families", "ffn"), 5)


def test_a_training_that_is_missing_is_one_line(commands: Commands) -> None:
    done = commands.script("scripts/gallery.py")
    assert done.code == 2
    assert done.err.splitlines() == [
        "error: no such folder: logs/gallery/boundaries; make gallery trains what it needs"
    ]
