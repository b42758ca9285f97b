"""What Python's search for garbage need not look at."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Around large imports: what they make stays, so no cycles are looked for among it, then or
    later. That search takes a quarter of the time until training begins.

    Where all of it has been imported before, as in the second job of a sweep, nothing changes: what
    else there is by then may well become garbage.
    """
    modules, was_on = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > modules:
            gc.freeze()
        if was_on:
            gc.enable()
