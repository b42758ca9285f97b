"""The settings in which the runs of a page differ, and those that sweeps usually turn."""

import json
from collections.abc import Mapping, Sequence

from triptych.report.configs import flat_config
from triptych.report.settings import setting_key
from triptych.result import Result, leaves

Knob = str | int | float | bool | None
# How Hydra builds an object says nothing of what is computed.
_NOISE = ("_partial_", "_convert_")


def knobs_of(results: Sequence[Result], always: Sequence[str]) -> list[dict[str, Knob]]:
    """For each run the settings that not all runs share, by their paths in the configuration.

    Args:
        results: the runs.
        always: settings that are told even if all runs share them.
    """
    flats = [_flat(result) for result in results]
    shared = set.intersection(*(set(flat.items()) for flat in flats)) if flats else set()
    found: list[dict[str, Knob]] = []
    for result, flat in zip(results, flats, strict=True):
        every = dict(leaves(result.config))
        told = {name: _value(json.dumps(every[name])) for name in always if name in every}
        rest = {key: text for key, text in flat.items() if (key, text) not in shared}
        found.append(told | {_name(key): _value(text) for key, text in rest.items()})
    return found


def _flat(result: Result) -> Mapping[str, str]:
    flat = flat_config(result) or dict(setting_key(result)[1])
    return {key: text for key, text in flat.items() if key.rsplit(".", 1)[-1] not in _NOISE}


def _name(key: str) -> str:
    return key.removesuffix("._target_")


def _value(text: str) -> Knob:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    match value:
        case str():
            # A class is told without the room that it lives in.
            return value.rsplit(".", 1)[-1] if value.startswith("triptych.") else value
        case bool() | int() | float() | None:
            return value
        case _:
            return text
