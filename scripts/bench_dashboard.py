"""Measures the dashboard of 200 runs of 100 epochs: size of the page, seconds to write and open it.

Trains one short run of each panel for real and copies its files under other names and seeds; their
tables of evaluations and curves are repeated up to 100 epochs. The baselines are one MB and one
second. A page is open when the figures in sight are drawn, in the system's Chromium.

Usage: python scripts/bench_dashboard.py [--quick] [--out FILE.json]
"""

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench_format import Row, arguments, median_interval, publish, seconds
from playwright.sync_api import Browser, sync_playwright

from triptych.evaluations import FILE as TABLES
from triptych.evaluations import read as read_evaluations
from triptych.evaluations import to_text
from triptych.report.dashboard import build_dashboard
from triptych.result import FILE, Result, read, write

ROOT = Path(__file__).parents[1]
CHROMIUM = "/usr/bin/chromium"
PANELS = ("ffn", "sparse", "moe")
TRAINED = 4  # epochs
EPOCHS = 100
MOST_MB = 12.0
MOST_SECONDS = 3.0
ROUNDS = 6


def train(place: Path) -> list[Path]:
    """One short run of each panel; their folders."""
    folder = place / "trained"
    command = [sys.executable, str(ROOT / "train.py"), "-m", f"model={','.join(PANELS)}"]
    command += [f"trainer.max_epochs={TRAINED}", "data.n_train=2000", "logger=csv"]
    command += [f"hydra.sweep.dir={folder}"]
    subprocess.run(
        command,
        cwd=place,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    return [folder / str(job) for job in range(len(PANELS))]


def copy(source: Path, target: Path, seed: int, epochs: int) -> None:
    """The files of a run under another seed, its epochs repeated up to so many."""
    record = read(source / FILE)
    config = json.loads(json.dumps(record.config))
    config["seed"] = config["data"]["seed"] = seed
    config["model"]["lr"] = [0.001, 0.003, 0.01][seed % 3]
    changed: Result = replace(
        record, seed=seed, name=f"{record.panel}-s{seed}", id=f"{record.id}-{seed}", config=config
    )
    write(changed, target)
    text = (source / "metrics.csv").read_text(encoding="utf-8")
    (target / "metrics.csv").write_text(repeated(text, epochs), encoding="utf-8")
    every = [one for one in read_evaluations(source) if one.split == "val"]
    if every:
        stride = every[0].step + 1
        many = [replace(every[e % len(every)], step=stride * (e + 1) - 1) for e in range(epochs)]
        (target / TABLES).write_text(to_text(many), encoding="utf-8")


def repeated(text: str, epochs: int) -> str:
    """A curve with its rows again and again, at later steps and epochs; the test comes last."""
    *rows, test = list(csv.DictReader(text.splitlines()))
    stride = int(rows[0]["step"]) + 1
    many = [
        rows[e % len(rows)] | {"step": str(stride * (e + 1) - 1), "epoch": str(e)}
        for e in range(epochs)
    ]
    target = io.StringIO(newline="")
    table = csv.DictWriter(target, list(test), lineterminator="\n")
    table.writeheader()
    table.writerows([*many, test | {"step": str(stride * epochs), "epoch": str(epochs)}])
    return target.getvalue()


def opening(browser: Browser, page: Path) -> float:
    """Seconds until the figures in sight are drawn."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    start = time.perf_counter()
    tab.goto(page.as_uri())
    tab.locator("body[data-ready]").wait_for()
    taken = time.perf_counter() - start
    tab.close()
    return taken


def row(case: str, subject: str, unit: str, values: Sequence[float], goal: float | None) -> Row:
    """Measured numbers against one of their unit."""
    middle, low, high = median_interval(values)
    return Row(case, subject, f"one {unit}", middle, low, high, goal)


def main() -> None:
    """Measures, prints and, if asked, writes."""
    options = arguments(__doc__)
    runs, epochs = (12, 10) if options.quick else (200, EPOCHS)
    case = f"{runs} runs of {epochs} epochs"
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        place = Path(name)
        sources = train(place)
        for number in range(runs):
            source = sources[number % len(sources)]
            copy(source, place / "runs" / str(number), number // len(sources), epochs)
        page = place / "dashboard.html"
        writing = [seconds(lambda: build_dashboard([place / "runs"], page)) for _ in range(ROUNDS)]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        openings = [opening(browser, page) for _ in range(ROUNDS)]
        browser.close()
        size = page.stat().st_size / 1e6
    rows = [
        row(case, "size of the page", "MB", [size] * ROUNDS, MOST_MB),
        row(case, "writing the page", "second", writing, None),
        row(case, "opening the page", "second", openings, MOST_SECONDS),
    ]
    notes = [
        "Three short runs, one of each panel, copied under other seeds, epochs repeated.",
        "A page is open when the figures in sight are drawn; the others follow.",
        "The machine was shared with other work.",
    ]
    publish("dashboard", rows, options.out, notes, packages=("plotly",))


if __name__ == "__main__":
    main()
