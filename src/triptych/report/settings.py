"""Settings and tasks: which runs differ by seed only, which saw the same data, and their names."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from triptych.report.configs import Flat, differing, flat_config
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


def setting_keys(results: Sequence[Result]) -> list[Key]:
    """The key of each run's setting: equal for runs whose configurations are equal.

    Of several ways to type one configuration the shortest counts. Where one way to type meant
    different configurations (a default has changed), what differs between them is added to the
    key. A run without a recorded configuration goes by what was typed alone.
    """
    typed = [setting_key(result) for result in results]
    flats = [flat_config(result) for result in results]
    same = [
        (key[0], frozenset(flat.items()) or key) for key, flat in zip(typed, flats, strict=True)
    ]
    shortest: dict[object, Key] = {}
    for one, key in zip(same, typed, strict=True):
        shortest[one] = min(shortest.get(one, key), key, key=_length)
    twins: dict[Key, dict[object, Flat]] = {}
    for one, flat in zip(same, flats, strict=True):
        if flat:
            twins.setdefault(shortest[one], {})[one] = flat
    extra: dict[object, tuple[tuple[str, str], ...]] = {}
    for group in twins.values():
        extra |= dict(zip(group, differing(list(group.values())), strict=True))
    return [_extended(shortest[one], extra.get(one, ())) for one in same]


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


def task_labels(results: Sequence[Result]) -> list[str]:
    """The data of each run in words: what not all of them share, empty if nothing is left.

    Runs with the same label saw the same data. The batch size is no part of it, nor is the seed
    (runs are paired by it) unless the data have one of their own. A run without a recorded
    configuration goes by the overrides that were typed.
    """
    flats = [_data(result) for result in results]
    unique = list(dict.fromkeys(frozenset(flat.items()) for flat in flats))
    pairs = dict(zip(unique, differing([dict(items) for items in unique]), strict=True))
    names = {name for listed in pairs.values() for name, _ in listed}
    ends = Counter(map(_end, names))
    return [
        ", ".join(
            f"{_end(name) if ends[_end(name)] == 1 else name}={value}"
            for name, value in pairs[frozenset(flat.items())]
        )
        for flat in flats
    ]


def _data(result: Result) -> Flat:
    typed = dict(setting_key(result)[1])
    found = flat_config(result) if result.config.get("data") else typed
    return {
        name: value
        for name, value in found.items()
        if name.split(".")[0].split("/")[0] == "data" and name != "data.batch_size"
    }


def _length(key: Key) -> tuple[int, int, Key]:
    return len(key[1]), sum(len(name) + len(value) for name, value in key[1]), key


def _extended(key: Key, extra: Iterable[tuple[str, str]]) -> Key:
    panel, pairs = key
    names = {name for name, _ in pairs}
    return panel, tuple(sorted({*pairs, *(pair for pair in extra if pair[0] not in names)}))


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
