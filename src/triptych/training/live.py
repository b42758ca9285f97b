"""What a run shows of itself while it trains, as lines of text, from the metrics that it logged."""

from collections.abc import Mapping
from itertools import groupby

LEVELS = "·▁▂▃▄▅▆▇█"  # the first for nothing at all
PLAIN_LEVELS = " .:-=+*%#"
MOST_EXPERTS = 48  # of which each gets a bar, so that a line fits in 80 characters
NUMBERS = ("train/loss", "val/loss", "val/acc")


def live_lines(metrics: Mapping[str, float], levels: str = LEVELS) -> list[str]:
    """Loss and accuracy; for each MoE layer the load of its experts; for sparse nets the density.

    Args:
        metrics: the latest of each key.
        levels: of bars, that of nothing first, then the lowest; the middle is the mean load.
    """
    return [*_numbers(metrics), *_loads(metrics, levels), *_densities(metrics)]


def load_bars(shares: list[float], levels: str = LEVELS) -> str:
    """A bar for each expert: at the middle if it has the mean load, at the top from twice that on.

    >>> load_bars([0.25, 0.5, 0.25, 0.0])
    '▄█▄·'
    """
    return "".join(_bar(share * len(shares), levels) for share in shares)


def _bar(load: float, levels: str) -> str:
    top = len(levels) - 1
    return levels[min(max(round(load * top / 2), 1), top) if load else 0]


def _numbers(metrics: Mapping[str, float]) -> list[str]:
    known = [f"{key} {metrics[key]:.4f}" for key in NUMBERS if key in metrics]
    return ["   ".join(known)] if known else []


def _loads(metrics: Mapping[str, float], levels: str) -> list[str]:
    parts = [key.split("/") for key in metrics if key.startswith("val/moe/")]
    loads = [part for part in parts if len(part) == 5 and part[3] == "load"]
    lines: list[str] = []
    for layer, group in groupby(loads, key=lambda part: part[2]):
        shares = [metrics["/".join(part)] for part in group]
        largest = f"largest load {max(shares) * len(shares):.1f} x mean"
        dead = sum(share == 0 for share in shares)
        bars = f"{load_bars(shares, levels)}  " if len(shares) <= MOST_EXPERTS else ""
        lines.append(f"{layer}  {bars}{largest}" + (f", {dead} dead" if dead else ""))
    return lines


def _densities(metrics: Mapping[str, float]) -> list[str]:
    if "val/density" not in metrics:
        return []
    start = "val/density/"
    layers = {k.removeprefix(start): v for k, v in metrics.items() if k.startswith(start)}
    spread = sorted(layers.items(), key=lambda item: item[1])
    line = f"density {metrics['val/density']:.3f}"
    if len(spread) > 1 and spread[0][1] < spread[-1][1]:
        ends = (f"{density:.3f} in {name}" for name, density in (spread[0], spread[-1]))
        line += f" ({' to '.join(ends)})"
    if (explored := metrics.get("train/sparse/explored")) is not None:
        line += f", tried {explored:.3f}"
    return [line]
