"""Errors in the user's words: the key, the value and the remedy, in one line."""

import errno
import itertools
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

from triptych.errors import (
    FolderVanished,
    InvalidSetting,
    LayerCollapsed,
    MasksDiffer,
    ReplicaFailed,
    TrainingDiverged,
    nearest,
    one_line,
)

WHOLE_LINES = (
    InvalidSetting,
    TrainingDiverged,
    LayerCollapsed,
    MasksDiffer,
    FolderVanished,
    ReplicaFailed,
)
NO_DETERMINISTIC = " does not have a deterministic implementation"  # torch's words
EXTRAS = "pip install -e '.[launchers]'; ray is '.[ray]': see docs/clusters.md"
RAY = {
    "Failed to connect to Ray cluster": "does it run, and is RAY_AUTH_MODE=token set here?",
    "object_store_memory must not be": "add +hydra.launcher.ray.init.object_store_memory=null",
}
"""What its launcher raises where a cluster cannot be used, and what to do."""
UNWRITABLE = frozenset(
    (
        *(errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT),
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    )
)


def explain(error: BaseException, conf: Path | None, folder: Path | None = None) -> str | None:
    """One line for what a user can mend; None for a fault of the program.

    Args:
        error: what was raised.
        conf: the folder of the configuration, to name the nearest key; None inside a job.
        folder: of the run; None if Hydra was still to make it.
    """
    for cause in _causes(error):
        if isinstance(cause, WHOLE_LINES):
            return str(cause)
    text = " ".join(str(error).split())
    match = re.match(r"Could not override '([^']+)'", text)
    if match and conf is not None:
        key = match[1].lstrip("@")
        return _unused_group(key, conf) if "/" in key else _unknown_key(key, conf)
    if text.startswith("Config group override must be"):
        groups = ", ".join(a for a in sys.argv[1:] if a.endswith(("=null", "=")))
        return f"{groups}: a group needs an option (for no logger, logger=none)"
    if "Could not find 'hydra/launcher/" in text:
        what = text.partition(": ")[2].split(" Config search path:")[0]
        return f"{what}; joblib and submitit are extras: {EXTRAS}"
    for symptom, remedy in RAY.items():
        if symptom in text:
            return f"hydra/launcher=ray: {text.rstrip('.')}; {remedy}"
    if re.search("gloo.*Connection (reset|closed) by peer", text):
        return "another process of this run has failed or was killed; what it printed says why"
    if NO_DETERMINISTIC in text:
        operation = text.split(NO_DETERMINISTIC)[0]
        return (
            f"trainer.deterministic=true: {operation} has no deterministic form on this device: set"
            " trainer.deterministic=false, or warn to be told of all such"
        )
    if isinstance(error, OSError) and error.filename is not None:
        return _file_error(error, folder)
    if isinstance(error, HydraException | OmegaConfBaseException):
        reason = one_line(error.__cause__ or "")
        return text.split(" Config search path:")[0] + (f": {reason}" if reason else "")
    return None


def _file_error(error: OSError, folder: Path | None) -> str:
    file = Path(str(error.filename)).absolute()
    if error.errno in UNWRITABLE and (folder is None or file.is_relative_to(folder.absolute())):
        remedy = "hydra.run.dir (of a sweep: hydra.sweep.dir)"
        return f"cannot write to {error.filename}: {error.strerror}; set {remedy}"
    return f"{error.filename}: {error.strerror}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _unused_group(group: str, conf: Path) -> str:
    """Of a group inside another, such as `model/router`, that the chosen option has no use for."""
    parent, name = group.rsplit("/", 1)
    primary = _primary(conf)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf), version_base="1.3"):
        for choices in _choices():
            typed = [choice for choice in choices if not choice.startswith(f"{parent}/")]
            cfg = compose(primary, overrides=typed, return_hydra_config=True)
            used = {str(key): value for key, value in cfg.hydra.runtime.choices.items()}
            parts = sorted(key.rsplit("/", 1)[1] for key in used if key.startswith(f"{parent}/"))
            if group not in used and parent in used:
                has = f"it has {', '.join(parts)}" if parts else "it has no parts"
                chosen = f"{parent}={used[parent]}"
                return f"{group}: {chosen} has no part '{name}'; {has}{nearest(name, parts)}"
    return f"unknown group '{group}'; `python {primary}.py --help` lists all"


def _primary(conf: Path) -> str:
    script = Path(sys.argv[0]).stem
    return script if (conf / f"{script}.yaml").is_file() else "train"


def _unknown_key(key: str, conf: Path) -> str:
    primary = _primary(conf)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf), version_base="1.3"):
        for choices in _choices():
            cfg = compose(primary, overrides=choices)
            knob = key.removeprefix("model.")
            if not key.startswith("model.") or "." in knob or "model" not in cfg:
                break
            knobs = [str(k) for k in cfg.model if not _is_node(cfg.model, str(k)) and k != "name"]
            if knob not in knobs:
                return (
                    f"model.{knob}: panel '{cfg.model.name}' has no knob '{knob}';"
                    f" it has {', '.join(knobs)}{nearest(knob, knobs)}"
                )
        cfg = compose(primary)
    near = nearest(key, list(_keys(cfg)))
    return f"unknown key '{key}'{near}; `python {primary}.py --cfg job` shows all"


def _choices() -> list[list[str]]:
    """The group options that the command line asks for, one list for each job that differs."""
    loader = GlobalHydra.instance().config_loader()
    typed = [a for a in sys.argv[1:] if "=" in a and not a.startswith("-")]
    options: dict[str, list[str]] = {}
    for override in OverridesParser.create(loader).parse_overrides(typed):
        key = override.key_or_group
        if not loader.get_group_options(key):
            continue
        if override.is_sweep_override():
            values = list(override.sweep_string_iterator())
        else:
            values = [override.get_value_element_as_str()]
        options[key] = [f"{override.get_key_element()}={value}" for value in values]
    return [list(jobs) for jobs in itertools.product(*options.values())]


def _is_node(node: DictConfig, key: str) -> bool:
    return isinstance(OmegaConf.to_container(node).get(key), dict)  # type: ignore[union-attr]


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    for key in node:
        yield f"{prefix}{key}"
        raw = OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key)
        if not raw and isinstance(node[key], DictConfig):
            yield from _keys(node[key], f"{prefix}{key}.")
