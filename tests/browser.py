"""Pages as a real browser shows them."""

from pathlib import Path

from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Visit:
    """An open page with everything that it asked for and complained about."""

    def __init__(self, browser: Browser, file: Path, scheme: str = "light") -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = browser.new_page(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())
        self.page.locator("body[data-drawn]").wait_for()

    @property
    def announced(self) -> int:
        """How many plots the page says that it has."""
        return int(self.page.get_attribute("body", "data-plots") or 0)

    def plots(self, with_marks: str) -> int:
        """How many plots have a height, and one of these elements in them."""
        plots = "[...document.querySelectorAll('.plot.js-plotly-plot')].filter(plot =>"
        plots += " plot.querySelector('.main-svg')?.getBoundingClientRect().height > 100"
        return self.page.evaluate(f"{plots} && plot.querySelector('{with_marks}')).length")
