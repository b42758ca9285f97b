"""Opens a page where somebody can see it."""

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path


def open_page(page: Path, variables: Mapping[str, str] = os.environ) -> bool:
    """Opens a page in the browser of the desktop; False where there is none.

    A browser that would draw into this terminal is none: it would end what the terminal shows.
    """
    has_desktop = sys.platform in ("darwin", "win32") or any(
        variables.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    try:
        return has_desktop and webbrowser.open(page.resolve().as_uri())
    except webbrowser.Error:
        return False
