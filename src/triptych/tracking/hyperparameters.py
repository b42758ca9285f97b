"""Which part of a configuration a logger may see."""

import re
from collections.abc import Mapping
from typing import Any

# Where a run is written and shown says nothing about what it computes.
OUTPUT = {"hydra", "logger", "sweep"}
PATH_WORDS = {"dir", "dirs", "file", "files", "folder", "folders", "path", "paths", "root"}
SECRET_WORDS = {"apikey", "credential", "credentials", "passwd", "password", "secret", "token"}
SECRET_NAMES = ("access_key", "api_key", "private_key")
ABSOLUTE = re.compile(r"[/~\\]|[A-Za-z]:[/\\]|[a-z][a-z0-9+]*://")


def config_for_loggers(config: Mapping[str, Any]) -> dict[str, Any]:
    """A plain resolved configuration, still nested, without loggers, paths and secrets.

    Only text is ever hidden for its name, so a number such as `d_token` stays.

    >>> config_for_loggers({"seed": 0, "model": {"top_k": 2}, "logger": {}, "ckpt_path": "a.ckpt"})
    {'seed': 0, 'model': {'top_k': 2}}
    """
    return _visible({key: value for key, value in config.items() if key not in OUTPUT})


def _visible(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _inner(value) for key, value in node.items() if not _is_hidden(str(key).lower(), value)
    }


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _visible(value)
    if isinstance(value, list | tuple):
        return [_inner(item) for item in value if not _is_place(item)]
    return value


def _is_hidden(name: str, value: Any) -> bool:
    return _is_place(value) or (_is_text(value) and _names_a_secret_or_path(name))


def _names_a_secret_or_path(name: str) -> bool:
    words = set(re.split(r"[^a-z0-9]+", name))
    return bool(words & (PATH_WORDS | SECRET_WORDS)) or any(part in name for part in SECRET_NAMES)


def _is_text(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_text(item) for item in value)
    return value is None or isinstance(value, str)


def _is_place(value: Any) -> bool:
    """Whether a value is an absolute path or an address: neither is the same on two machines."""
    return isinstance(value, str) and ABSOLUTE.match(value) is not None
