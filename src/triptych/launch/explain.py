"""Errors in the user's words: the key, the value and the remedy, in one line."""

import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from triptych.errors import InvalidSetting, TrainingDiverged


def explain(error: BaseException, conf: Path) -> str | None:
    """One line for what a user can mend; None for a fault of the program.

    Args:
        error: what was raised.
        conf: the folder of the configuration, to name the nearest key.
    """
    for cause in _causes(error):
        if isinstance(cause, InvalidSetting | TrainingDiverged):
            return str(cause)
    text = _one_line(str(error))
    if match := re.match(r"Could not override '([^']+)'", text):
        return _unknown_key(match[1].lstrip("@"), conf)
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.filename is not None:
            return f"cannot write to {cause.filename}: {cause.strerror}; set hydra.run.dir"
    if isinstance(error, HydraException | OmegaConfBaseException):
        reason = _one_line(str(error.__cause__ or "")).split(" full_key:")[0]
        return text.split(" Config search path:")[0] + (f": {reason}" if reason else "")
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _unknown_key(key: str, conf: Path) -> str:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf), version_base="1.3"):
        for panel in _panels():
            cfg = compose("train", overrides=[f"model={panel}"])
            knobs = [k for k in cfg.model if not _is_node(cfg.model, str(k)) and k != "name"]
            knob = key.removeprefix("model.")
            if key.startswith("model.") and "." not in knob and knob not in knobs:
                return (
                    f"model.{knob}: panel '{panel}' has no knob '{knob}';"
                    f" it has {', '.join(map(str, knobs))}{_nearest(knob, list(map(str, knobs)))}"
                )
        cfg = compose("train")
    near = _nearest(key, list(_keys(cfg)))
    return f"unknown key '{key}'{near}; `python train.py --cfg job` shows all"


def _panels() -> list[str]:
    """The panels that the command line asks for."""
    given = [a for a in sys.argv[1:] if a.startswith("model=")]
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    parsed = parser.parse_overrides(given[-1:])
    for override in parsed:
        if override.is_sweep_override():
            return [str(choice) for choice in override.sweep_string_iterator()]
        return [str(override.value())]
    return ["ffn"]


def _is_node(node: DictConfig, key: str) -> bool:
    return isinstance(OmegaConf.to_container(node).get(key), dict)  # type: ignore[union-attr]


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    for key in node:
        yield f"{prefix}{key}"
        raw = OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key)
        if not raw and isinstance(node[key], DictConfig):
            yield from _keys(node[key], f"{prefix}{key}.")


def _nearest(key: str, keys: list[str]) -> str:
    near = difflib.get_close_matches(key, keys, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
