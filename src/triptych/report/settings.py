"""Settings: what distinguishes groups of runs, read from the overrides that were typed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from triptych.result import Result

# Where and how a run is executed and recorded, not what it computes.
_NOISE = ("seed", "trainer.devices", "logger", "hydra", "sweep", "ckpt_path")

Key = tuple[str, tuple[tuple[str, str], ...]]


def setting_key(result: Result) -> Key:
    """The panel and the sorted overrides of a run, without its seed, devices and loggers.

    >>> typed = ["model=moe", "seed=1", "model.top_k=2"]
    >>> setting_key(Result("finished", "moe-s1", "moe", 1, typed))
    ('moe', (('model.top_k', '2'),))
    """
    pairs = (_split(override) for override in result.overrides)
    kept = {(key, value) for key, value in pairs if not _noise(key)} - {("model", result.panel)}
    return result.panel, tuple(sorted(kept))


def setting_labels(keys: Iterable[Key]) -> dict[Key, str]:
    """A short label for each setting; overrides that all of them share are left out.

    A label is the panel (or the `model=` that was typed) and the last part of each key (the whole
    key where two would look alike).

    >>> list(setting_labels([("moe", (("model.top_k", "2"), ("trainer.max_epochs", "3"))),
    ...                      ("ffn", (("trainer.max_epochs", "3"),))]).values())
    ['moe, top_k=2', 'ffn']
    """
    unique = list(dict.fromkeys(keys))
    shared = set(shared_overrides(unique)) if len(unique) > 1 else set()
    names = {name for _, pairs in unique for name, _ in pairs}
    ends = Counter(_end(name) for name in names)
    short = {name: _end(name) if ends[_end(name)] == 1 else name for name in names}
    return {key: _label(key, shared, short) for key in unique}


def shared_overrides(keys: Sequence[Key]) -> list[tuple[str, str]]:
    """The overrides that all settings have with the same value, sorted."""
    if not keys:
        return []
    return sorted(set.intersection(*(set(pairs) for _, pairs in keys)))


def task_of(key: Key) -> str:
    """The overrides that choose the data, such as `data=clusters`; empty for the default data."""
    return ", ".join(
        f"{name}={value}" for name, value in key[1] if name.split(".")[0].split("/")[0] == "data"
    )


def _split(override: str) -> tuple[str, str]:
    name, _, value = override.partition("=")
    return name.lstrip("+"), value


def _noise(name: str) -> bool:
    return any(name == word or name.startswith((f"{word}.", f"{word}/")) for word in _NOISE)


def _end(name: str) -> str:
    return name.replace("/", ".").rsplit(".", 1)[-1]


def _label(key: Key, shared: set[tuple[str, str]], short: Mapping[str, str]) -> str:
    panel, pairs = key
    model = dict(pairs).get("model", panel)  # another configuration of the panel
    knobs = [
        f"{short[name]}={value}" if value else name
        for name, value in pairs
        if name != "model" and (name, value) not in shared
    ]
    return ", ".join([model, *knobs])
