"""A page is opened where somebody can see it, by a real program that stands in for a browser."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = "from pathlib import Path; from triptych.report.dashboard import open_page"


def opened(page: Path, variables: dict[str, str]) -> str:
    command = [sys.executable, "-c", f"{CODE}; print(open_page(Path({str(page)!r})))"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a desktop of their own")
def test_it_opens_on_a_desktop_and_not_in_a_terminal(tmp_path: Path):
    said = tmp_path / "said.txt"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {said}\n')
    browser.chmod(0o755)
    page = tmp_path / "a page.html"
    variables = {"BROWSER": str(browser), "PYTHONPATH": ":".join(sys.path)}
    assert opened(page, variables) == "False"
    assert not said.exists()
    assert opened(page, variables | {"DISPLAY": ":7"}) == "True"
    assert said.read_text().strip() == page.as_uri()
    assert opened(page, variables | {"DISPLAY": ":7", "BROWSER": "/nowhere", "PATH": ""}) == "False"
