"""Recorded configurations, flat: which of them compute the same thing, and where they differ."""

import json
from collections.abc import Mapping, Sequence

from triptych.result import Result, leaves

# One value of a configuration: its dotted path and its JSON text.
Flat = Mapping[str, str]

# Where and how a run is executed and recorded, not what it computes.
_ROOT_NOISE = ("seed", "logger", "sweep", "ckpt_path", "hydra")
_NOISE = ("trainer.devices",)
_FOLDERS = ("dirpath", "folder")
_SEEDS = ("data.seed", "model.panel.seed")


def flat_config(result: Result) -> dict[str, str]:
    """What a run computed, seed left out; empty where no configuration was recorded.

    A seed further down counts only where it does not repeat the run's: where it was typed, or
    where it is another number.
    """
    typed = {override.partition("=")[0].lstrip("+") for override in result.overrides}
    kept = {k: v for k, v in result.config.items() if k not in _ROOT_NOISE}
    flat = {path: json.dumps(value, sort_keys=True) for path, value in leaves(kept)}
    repeated = {s for s in _SEEDS if s not in typed and flat.get(s) == str(result.seed)}
    return {
        path: text
        for path, text in flat.items()
        if path not in repeated and path not in _NOISE and not _is_folder(path)
    }


def differing(flats: Sequence[Flat]) -> list[tuple[tuple[str, str], ...]]:
    """For each configuration the pairs that not all of them share, as a person would write them.

    A value that occurs at several paths with the same end is told once, at the shortest path. No
    two different configurations get the same pairs.
    """
    shared = set.intersection(*(set(flat.items()) for flat in flats)) if flats else set()
    rests = [{k: v for k, v in flat.items() if (k, v) not in shared} for flat in flats]
    brief = [_brief(rest) for rest in rests]
    return brief if len(set(brief)) == len(set(map(_whole, rests))) else list(map(_whole, rests))


def _is_folder(path: str) -> bool:
    return path.startswith("callbacks.") and path.rsplit(".", 1)[-1] in _FOLDERS


def _brief(flat: Flat) -> tuple[tuple[str, str], ...]:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for path, text in sorted(flat.items(), key=lambda pair: (pair[0].count("."), pair[0])):
        name, is_target = path.removesuffix("._target_"), path.endswith("._target_")
        value = _plain(text).rsplit(".", 1)[-1] if is_target else _plain(text)
        found.setdefault((name.rsplit(".", 1)[-1], value), (name, value))
    return tuple(sorted(found.values()))


def _whole(flat: Flat) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((path, _plain(text)) for path, text in flat.items()))


def _plain(text: str) -> str:
    return text.replace('"', "")
