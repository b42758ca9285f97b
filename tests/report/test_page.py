"""The page in a real browser: it draws every figure, fetches nothing and runs nobody's script."""

from pathlib import Path

import pytest

from triptych.report.build import build_report
from triptych.result import write

from ..browser import Visit

ATTACK = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"


@pytest.fixture(scope="module")
def plain_page(nine_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the nine runs."""
    return build_report([nine_runs], tmp_path_factory.mktemp("plain")).page


@pytest.fixture(scope="module")
def hostile_report(nine_runs: Path, fake, tmp_path_factory: pytest.TempPathFactory):
    """Nine runs, a failed one, and one with a hostile text in every free field."""
    folder = tmp_path_factory.mktemp("hostile")
    error = {"message": ATTACK}
    write(fake("moe", 7, 0.5, status="failed", error=error), folder / "failed")
    texts = {"name": ATTACK, "overrides": [f"model.note={ATTACK}"], "command": ATTACK}
    config = {"sweep": {"notes": [ATTACK]}}
    hostile = fake("ffn", 8, 0.9, git={ATTACK: ATTACK}, config=config, **texts)
    write(hostile, folder / "hostile")
    return build_report([nine_runs, folder], folder / "out", title=ATTACK)


def test_every_figure_is_drawn_without_a_request_or_a_complaint(browser, hostile_report):
    visit = Visit(browser, hostile_report.page)
    assert visit.requests == [hostile_report.page.as_uri()]
    assert visit.complaints == []
    assert visit.announced >= 25
    assert visit.page.locator(".js-plotly-plot").count() == visit.announced
    assert visit.plots(".trace, .hm, .points path") == visit.announced


def test_no_text_of_a_run_is_executed(browser, hostile_report):
    visit = Visit(browser, hostile_report.page)
    assert visit.page.evaluate("window.hacked") is None
    assert visit.page.locator("main img").count() == 0
    assert "window.hacked = 1" in visit.page.inner_text("#unfinished")


def test_the_table_is_sorted_by_a_click_and_back_by_another(browser, plain_page):
    visit = Visit(browser, plain_page)

    def settings() -> list[str]:
        return visit.page.locator("#results tbody th").all_inner_texts()

    assert settings() == ["ffn", "sparse", "moe"]
    heading = visit.page.locator("#results thead button", has_text="Test acc.")
    heading.click()
    assert settings() == ["moe", "ffn", "sparse"]
    heading.click()
    assert settings() == ["sparse", "ffn", "moe"]
    visit.page.locator("#results thead button", has_text="Setting").click()
    assert settings() == ["sparse", "moe", "ffn"]
    assert visit.complaints == []


@pytest.mark.parametrize(("scheme", "bright"), [("light", False), ("dark", True)])
def test_text_in_figures_follows_the_colour_scheme(browser, plain_page, scheme, bright):
    visit = Visit(browser, plain_page, scheme)
    colour = visit.page.evaluate(
        "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    )
    red = int(colour.removeprefix("rgb(").split(",")[0])
    assert (red > 128) is bright


def test_figures_shrink_with_the_window(browser, plain_page):
    visit = Visit(browser, plain_page)
    visit.page.set_viewport_size({"width": 390, "height": 800})
    widths = "[...document.querySelectorAll('.plot .main-svg')].map(svg => svg.clientWidth)"
    visit.page.wait_for_function(f"() => Math.max(...{widths}) <= 390")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_page_without_a_finished_run_opens_too(browser, write_run, fake, tmp_path):
    write_run(fake("moe", 0, 0.5, status="skipped", error={"message": "no such pair"}))
    visit = Visit(browser, build_report([tmp_path / "runs"], tmp_path / "out").page)
    assert visit.complaints == []
    assert "1 skipped" in visit.page.inner_text("#unfinished")


def test_plotly_is_inlined_once(plain_page):
    text = plain_page.read_text()
    assert text.count("plotly.js v") == 1
    assert "<script src" not in text
    assert '<link rel="stylesheet' not in text
