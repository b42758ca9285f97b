"""Packages that not every installation has."""

import importlib.util

from triptych.errors import InvalidSetting


def require_packages(logger: str, *names: str) -> None:
    """Refuses a logger whose packages are not there. Imports none of them.

    Args:
        logger: as in `logger=`.

    Raises:
        InvalidSetting: in one line that says how to get them.
    """
    if any(importlib.util.find_spec(name) is None for name in names):
        raise InvalidSetting(
            f"logger={logger} needs a package that is missing: pip install -e '.[trackers]'"
        )
