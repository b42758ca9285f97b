"""Timing calls side by side."""

import time
from collections.abc import Callable, Mapping

WARM_UPS = 3


def rounds(calls: Mapping[str, Callable[[], object]], times: int) -> dict[str, list[float]]:
    """Seconds of each call, `times` of them, after three that are not counted.

    In turn, so that what disturbs one call disturbs the others too.
    """
    for call in calls.values():
        for _ in range(WARM_UPS):
            call()
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(times):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - begin)
    return found
