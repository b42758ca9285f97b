"""The page in a real browser, over real runs: what its filters, choices and tables do."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator

from triptych.dashboard import SECTIONS, Words
from triptych.report.dashboard import build_dashboard
from triptych.result import write

from ...browser import Visit
from .conftest import Places

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def file(places: Places) -> Path:
    return build_dashboard([places.root], places.root / "dashboard.html").page


@pytest.fixture
def visit(browser: Browser, file: Path):
    made = Visit(browser, file)
    made.page.set_viewport_size({"width": 1400, "height": 900})
    yield made
    made.page.close()


def names(visit: Visit) -> list[str]:
    """The runs of the table, in order."""
    return visit.page.locator(".runs tbody th:visible").all_inner_texts()


def press(visit: Visit, name: str, value: str) -> None:
    visit.page.locator(f'[data-filter="{name}"][data-value="{value}"]').click()
    drawn(visit)


def drawn(visit: Visit) -> None:
    visit.page.locator("body[data-drawn]").wait_for()


def lines(visit: Visit, figure: str) -> list[str]:
    """The names of the lines of a figure, without bands."""
    script = "node => node.data.filter(trace => !('fill' in trace)).map(trace => trace.name)"
    return visit.page.locator(f"#{figure} .plot").first.evaluate(script)


def axis_title(visit: Visit, figure: str) -> str:
    return visit.page.locator(f"#{figure} .plot .xtitle").first.text_content() or ""


def choice(visit: Visit, figure: str, label: str) -> Locator:
    return visit.page.locator(f'#{figure} select[aria-label="{label}"]')


def test_everything_is_drawn_without_a_request_or_a_complaint(visit: Visit, file: Path):
    assert visit.requests == [file.as_uri()]
    assert visit.complaints == []
    assert visit.announced >= 30
    assert visit.page.locator("figure:not([hidden]) .js-plotly-plot").count() == visit.announced
    assert visit.page.inner_text(".count") == "8 of 8 runs shown: 6 finished, 1 running, 1 failed"
    told = visit.page.locator(".views figure:visible").evaluate_all("all => all.map(f => f.id)")
    views = [view for section in SECTIONS for view in section.views if not isinstance(view, Words)]
    # Masks that never move have no share of weights that were tried.
    assert len(told) == len(views) - 1 + 1
    assert "share-of-weights-that-were-tried" not in told
    assert told[-1] == "all-runs-shown"


def test_a_filter_holds_for_the_table_the_curves_and_the_legend(visit: Visit):
    press(visit, "panel", "sparse")
    assert names(visit) == ["sparse-s0", "sparse-s1"]
    assert lines(visit, "validation-accuracy") == ["sparse"]
    assert visit.page.locator(".legend li").all_inner_texts() == ["sparse\n2"]
    press(visit, "seed", "1")
    assert names(visit) == ["sparse-s1"]
    assert visit.page.inner_text(".count") == "1 of 8 runs shown: 1 finished"
    press(visit, "seed", "1")
    press(visit, "panel", "sparse")
    press(visit, "status", "failed")
    assert names(visit) == ["moe-s7"]


def test_sections_without_a_run_are_not_there(visit: Visit):
    assert visit.page.locator("#s-experts").is_visible()
    press(visit, "panel", "ffn")
    assert visit.page.locator("#s-errors").is_visible()
    assert not visit.page.locator("#s-experts").is_visible()
    assert not visit.page.locator("#s-sparsity").is_visible()
    assert visit.page.locator("nav a:visible", has_text="Experts").count() == 0


def test_words_are_looked_for_in_settings(visit: Visit):
    visit.page.get_by_role("searchbox").fill("top_k=2 seed=1")
    drawn(visit)
    assert names(visit) == ["moe-s1"]
    visit.page.get_by_role("searchbox").fill("nowhere")
    drawn(visit)
    assert names(visit) == []
    assert visit.page.locator(".nothing").is_visible()
    visit.page.get_by_role("button", name="Show all").click()
    drawn(visit)
    assert len(names(visit)) == 8


def test_a_setting_is_hidden_by_its_key_in_the_legend(visit: Visit):
    visit.page.locator(".legend button", has_text="ffn").click()
    drawn(visit)
    assert lines(visit, "validation-accuracy") == ["sparse", "moe"]
    pressed = visit.page.locator(".legend button").evaluate_all(
        "all => all.map(b => b.ariaPressed)"
    )
    assert pressed == ["false", "true", "true"]


def test_curves_can_be_drawn_against_flops_and_seconds_and_run_by_run(visit: Visit):
    assert axis_title(visit, "validation-loss") == "optimizer step"
    visit.page.get_by_label("curves against").select_option("flops")
    drawn(visit)
    assert axis_title(visit, "validation-loss") == "FLOPs of training"
    assert (
        axis_title(visit, "validation-accuracy-against-seconds-of-training")
        == "seconds of training"
    )
    assert lines(visit, "validation-loss") == ["ffn", "sparse", "moe"]
    visit.page.get_by_label("lines", exact=True).select_option("runs")
    drawn(visit)
    assert len(lines(visit, "validation-loss")) == 7


def test_a_line_is_the_mean_over_seeds_and_its_band_one_standard_deviation(visit: Visit):
    press(visit, "panel", "ffn")
    script = """node => {
      const [band, line] = node.data;
      const runs = RUNS.filter(run => run.panel === "ffn").map(run => run.curves["val/acc"]);
      return [line.x.map((_, place) => runs.map(run => run[place])), line.y, band.y];
    }"""
    values, means, band = visit.page.locator("#validation-accuracy .plot").first.evaluate(script)
    for place, (one, other) in enumerate(values):
        # Of two numbers the standard deviation is their distance over the root of 2.
        half = abs(one - other) / 2**0.5
        assert means[place] == pytest.approx((one + other) / 2)
        assert band[place] == pytest.approx((one + other) / 2 + half)
        assert band[-1 - place] == pytest.approx((one + other) / 2 - half)


def test_points_can_have_other_axes_and_costs_have_logarithmic_ones(visit: Visit):
    figure = "test-accuracy-against-parameters"
    kinds = "node => [node.layout.xaxis.type ?? 'linear', node.layout.yaxis.type ?? 'linear']"
    plot = visit.page.locator(f"#{figure} .plot")
    assert plot.evaluate(kinds) == ["log", "linear"]
    choice(visit, figure, "horizontal axis").select_option("val/acc max")
    assert axis_title(visit, figure) == "best validation accuracy"
    assert plot.evaluate(kinds) == ["linear", "linear"]


def test_the_heat_of_a_run_follows_the_slider(visit: Visit):
    slider = visit.page.get_by_label("evaluation", exact=True)
    told = visit.page.locator("#experts-by-family output")
    assert told.inner_text() == "test split, best checkpoint (3 of 3)"
    cells = "node => node.data[0].z"
    plot = visit.page.locator("#experts-by-family .plot").first
    last = plot.evaluate(cells)
    slider.fill("0")
    assert re.fullmatch(r"validation split, step \d+ \(1 of 3\)", told.inner_text())
    assert plot.evaluate(cells) != last
    slider.focus()
    visit.page.keyboard.press("ArrowRight")
    assert told.inner_text().endswith("(2 of 3)")


def test_another_run_can_be_chosen_for_the_tables_of_a_section(visit: Visit):
    table = visit.page.locator("#confusion-on-the-test-split table")
    first = table.inner_text()
    option = choice(visit, "confusion-on-the-test-split", "run").locator("option").nth(4)
    choice(visit, "confusion-on-the-test-split", "run").select_option(option.get_attribute("value"))
    assert table.inner_text() != first
    chosen = "all => all.map(node => node.selectedOptions[0].text.split(' ')[0])"
    selects = visit.page.locator('#s-errors select[aria-label="run"]')
    assert selects.evaluate_all(chosen) == ["moe-s0"] * 3


def test_all_tables_of_the_specification_have_rows(visit: Visit):
    for figure in (
        "confusion-on-the-test-split",
        "accuracy-of-each-class",
        "calibration",
        "routing-on-the-test-split",
        "layers-after-training",
    ):
        assert visit.page.locator(f"#{figure} tbody tr").count() >= 3, figure


def test_two_runs_are_held_against_each_other(visit: Visit):
    tables = visit.page.locator("#two-runs-side-by-side table:visible")
    differences = tables.nth(0).locator("tbody tr").all_inner_texts()
    assert "model\tffn\tsparse" in differences
    assert "sparsity\t\N{EN DASH}\t0.8" in differences
    second = choice(visit, "two-runs-side-by-side", "second run")
    options = second.locator("option").all_inner_texts()
    second.select_option(label=next(text for text in options if text.startswith("ffn-s1")))
    assert tables.nth(0).locator("tbody tr").all_inner_texts() == ["seed\t0\t1"]
    parameters = tables.nth(1).locator("tr", has_text="active parameters")
    assert (
        parameters.inner_text() == "active parameters\t9,764\t9,764\t0\t\N{MULTIPLICATION SIGN} 1"
    )


def test_what_eight_runs_cannot_show_is_said_not_drawn(visit: Visit):
    figure = visit.page.locator("#what-the-accuracy-depends-on")
    assert figure.inner_text().count("No evidence") == 1
    assert figure.locator(".plot").count() == 0


def test_shares_of_explained_variance_are_those_of_the_formula(visit: Visit):
    # Groups {0, 0, 0, 0} and {1, 1, 1, 1} leave nothing open; alike ones explain nothing.
    whole = "explained([0,0,0,0,1,1,1,1].map((x, i) => ['ab'[+(i > 3)], x])).share"
    none = "explained([0,1,0,1,0,1,0,1].map((x, i) => ['ab'[+(i > 3)], x])).share"
    # Groups {1, 1, 1, 0} and {0, 0, 0, 1} have squares of 4 * 3/16 each, so 1.5 / 6 within; all
    # together have 8 * 1/4, so 2 / 7: 1 - (1.5 / 6) / (2 / 7) = 0.125.
    part = "explained([1,1,1,0,0,0,0,1].map((x, i) => ['ab'[+(i > 3)], x])).share"
    assert [visit.page.evaluate(each) for each in (whole, none)] == [1, 0]
    assert visit.page.evaluate(part) == pytest.approx(0.125)
    assert visit.page.evaluate("explained([0,1,0,1].map(x => [x, x]))") is None
    assert visit.page.evaluate("explained([...Array(9).keys()].map(x => ['same', x]))") is None
    assert visit.page.evaluate("levels([...Array(8).keys()])") == [0, 0, 1, 1, 2, 2, 3, 3]


def test_the_table_is_sorted_by_a_click_and_back_by_another(visit: Visit):
    heading = visit.page.locator('.runs [data-sort="test/acc last"]')
    heading.click()
    column = visit.page.locator(".runs thead th").all_inner_texts().index("test accuracy")
    cells = visit.page.locator(f".runs tbody tr > :nth-child({column + 1})")
    values = [float(text) for text in cells.all_inner_texts() if text]
    assert len(values) == 6
    assert values == sorted(values)
    assert cells.all_inner_texts()[6:] == ["", ""]  # the running and the failed run come last
    assert visit.page.evaluate("document.activeElement.dataset.sort") == "test/acc last"
    heading.click()
    assert [float(text) for text in cells.all_inner_texts() if text] == values[::-1]


def test_what_is_shown_can_be_downloaded(visit: Visit):
    press(visit, "panel", "moe")
    press(visit, "seed", "0")
    with visit.page.expect_download() as waiting:
        visit.page.get_by_role("button", name="Download as CSV").click()
    (row,) = csv.DictReader(Path(waiting.value.path()).read_text().splitlines())
    assert (row["name"], row["model.top_k"], row["group"]) == ("moe-s0", "2", "panels")
    assert 0 < float(row["test/acc last"]) <= 1


def test_a_run_leads_to_its_record(visit: Visit, places: Places):
    addresses = visit.page.locator(".runs tbody a").evaluate_all("all => all.map(a => a.href)")
    assert len(addresses) == 8
    records = {file.as_uri() for file in places.root.rglob("result.json")}
    assert set(addresses) == records


def test_what_was_chosen_survives_a_reload_and_goes_along_in_a_link(
    visit: Visit, browser: Browser, file: Path
):
    press(visit, "panel", "moe")
    visit.page.get_by_label("curves against").select_option("seconds")
    drawn(visit)
    visit.page.locator('.runs [data-sort="seed"]').click()
    visit.page.reload()
    drawn(visit)
    assert names(visit) == ["moe-s0", "moe-s1", "moe-s7", "moe-s7"]
    assert axis_title(visit, "validation-loss") == "seconds of training"
    other = browser.new_page()
    other.goto(visit.page.url)
    other.locator("body[data-drawn]").wait_for()
    assert other.locator(".runs tbody th").all_inner_texts() == names(visit)
    other.close()


def test_by_the_keyboard_focus_stays_where_it_was(visit: Visit):
    chip = visit.page.locator('[data-filter="panel"][data-value="moe"]')
    chip.focus()
    visit.page.keyboard.press("Enter")
    drawn(visit)
    assert len(names(visit)) == 4
    select = visit.page.get_by_label("curves against")
    select.focus()
    visit.page.keyboard.press("ArrowDown")
    drawn(visit)
    assert visit.page.evaluate("document.activeElement.ariaLabel") == "curves against"


def test_a_failed_run_says_why_and_no_text_becomes_html(visit: Visit):
    assert "no <b>such</b> thing" in visit.page.inner_text(".runs .failed")
    assert visit.page.locator(".runs .failed b").count() == 0
    assert re.search(
        r"last news 2\d{3}-\d\d-\d\d \d\d:\d\d UTC", visit.page.inner_text(".runs .running")
    )


def test_no_text_of_a_run_is_executed(browser: Browser, fake, tmp_path: Path):
    attack = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
    texts = {"name": attack, "overrides": [f"model.note={attack}"], "id": attack}
    for seed, panel in enumerate(("moe", "moe", "sparse")):
        fields = texts | {"tables": {"classes": [attack] * 3, "families": [attack] * 3}}
        whole = fake(panel, seed, 0.9)
        fields["tables"] = whole.tables | fields["tables"]
        write(fake(panel, seed, 0.9, **fields), tmp_path / attack.replace("/", " ") / str(seed))
    visit = Visit(browser, build_dashboard([tmp_path], tmp_path / "page.html").page)
    assert visit.page.evaluate("window.hacked") is None
    assert visit.complaints == []
    assert visit.page.locator("main img").count() == 0
    assert "window.hacked = 1" in visit.page.inner_text(".runs")
    visit.page.close()


def test_runs_without_an_identity_can_be_told_apart(browser: Browser, fake, tmp_path: Path):
    for seed in (0, 1):
        write(fake("ffn", seed, 0.9), tmp_path / str(seed))  # as runs were before they had one
    visit = Visit(browser, build_dashboard([tmp_path], tmp_path / "page.html").page)
    differ = visit.page.locator("#two-runs-side-by-side table:visible").nth(0)
    assert differ.locator("tbody tr").all_inner_texts() == ["seed\t0\t1"]
    visit.page.close()


def test_nothing_is_wider_than_a_phone_but_what_scrolls(visit: Visit):
    visit.page.set_viewport_size({"width": 390, "height": 800})
    plots = "[...document.querySelectorAll('.panes:not(.scroll) > .plot .main-svg')]"
    visit.page.wait_for_function(f"() => Math.max(...{plots}.map(svg => svg.clientWidth)) <= 390")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_paper_everything_is_dark_on_white_and_nothing_is_cut(browser: Browser, file: Path):
    visit = Visit(browser, file, "dark")
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print")
    visit.page.set_viewport_size({"width": 718, "height": 1000})  # A4 in Chromium
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 718
    right = "svgs => Math.max(...svgs.map(svg => svg.getBoundingClientRect().right))"
    assert visit.page.locator(".plot .main-svg:visible").evaluate_all(right) <= 718
    fills = "texts => [...new Set(texts.map(text => getComputedStyle(text).fill))]"
    assert visit.page.locator(".plot .xtick text").evaluate_all(fills) == ["rgb(0, 0, 0)"]
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    visit.page.close()


@pytest.mark.parametrize(("scheme", "bright"), [("light", False), ("dark", True)])
def test_text_and_lines_follow_the_colour_scheme(browser: Browser, file: Path, scheme, bright):
    visit = Visit(browser, file, scheme)
    colour = visit.page.evaluate(
        "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    )
    assert (int(colour.removeprefix("rgb(").split(",")[0]) > 128) is bright
    blue = visit.page.locator("#validation-accuracy .plot").evaluate(
        "node => node.data.find(trace => trace.name === 'ffn').line.color"
    )
    assert (blue != "#0072b2") is bright
    visit.page.close()


def test_a_page_for_runs_that_go_on_loads_itself_again_with_what_was_chosen(
    browser: Browser, own: Path
):
    page = build_dashboard([own], own / "page.html", refresh_s=1.0).page
    visit = Visit(browser, page)
    press(visit, "panel", "ffn")
    (own / "panels" / "0" / "result.json").unlink()
    build_dashboard([own], page)
    visit.page.wait_for_function("() => document.querySelectorAll('.runs tbody tr').length === 1")
    assert visit.page.inner_text(".count") == "1 of 7 runs shown: 1 finished"
    visit.page.close()
