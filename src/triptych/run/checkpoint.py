"""Checkpoints as files: found, read without executing anything in them, held against settings."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from triptych import evaluations
from triptych.errors import InvalidSetting, one_line
from triptych.result import leaves, write_whole
from triptych.sweep import Earlier
from triptych.tracking.csv import from_text, merge, to_text
from triptych.training.callbacks.run_in_checkpoint import KEY

METRICS = "metrics.csv"
FOUND = "found"  # in `match` of a configuration: what it has found
RESUMED = ("seed", "data", "model", "optimizer", "scheduler")
"""The parts of the configuration that a resumed run must share with its checkpoint."""


def checkpoint_file(path: str) -> Path:
    """The checkpoint at `path`.

    Raises:
        InvalidSetting: if there is no such file.
    """
    file = Path(path)
    if not file.is_file():
        raise InvalidSetting(
            f"ckpt_path={path}: there is no such file; checkpoints are in RUN/checkpoints/"
        )
    return file


def load_checkpoint(path: str) -> dict[str, Any]:
    """The content of a checkpoint of a run, on the CPU.

    Raises:
        InvalidSetting: if the file is missing or no checkpoint of a Triptych run.
    """
    file = checkpoint_file(path)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes of another kind can break the unpickler anywhere
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InvalidSetting(f"ckpt_path={path}: not a readable checkpoint ({reason})") from error
    if not isinstance(checkpoint, dict) or KEY not in checkpoint:
        raise InvalidSetting(f"ckpt_path={path}: no configuration inside, not made by train.py")
    return checkpoint


def load_weights(module: nn.Module, checkpoint: Mapping[str, Any], path: str) -> None:
    """Gives a module the weights of the checkpoint at `path`, all of them.

    Raises:
        InvalidSetting: if they are not those of such a module.
    """
    try:
        module.load_state_dict(checkpoint["state_dict"])
    except InvalidSetting as error:
        raise InvalidSetting(f"ckpt_path={path}: {error}") from error
    except (KeyError, RuntimeError) as error:
        first, *more = str(error).splitlines()
        reason = one_line(more[0] if more else first)
        raise InvalidSetting(
            f"ckpt_path={path}: the weights are not of the net that its configuration describes:"
            f" {reason}"
        ) from error


def given_checkpoint(path: Any, script: str) -> dict[str, Any]:
    """The content of the checkpoint that a script was given as `ckpt_path`.

    Raises:
        InvalidSetting: if it was given none, or what is no checkpoint of a Triptych run.
    """
    if path is None:
        raise InvalidSetting(
            f"ckpt_path is missing: python {script} ckpt_path=RUN/checkpoints/best.ckpt"
        )
    if not isinstance(path, str):
        raise InvalidSetting(f"ckpt_path={path} must be the path of one file")
    return load_checkpoint(path)


def saved_config(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration that a checkpoint was made with."""
    return checkpoint[KEY]["config"]


def check_resumable(path: str, config: Mapping[str, Any]) -> None:
    """Refuses to go on from a checkpoint with another seed, data, model, optimizer or schedule.

    Raises:
        InvalidSetting: naming the first key that differs, with both values.
    """
    before = saved_config(load_checkpoint(path))
    parts = (*RESUMED, "match") if config.get("match") else RESUMED
    old, new = (dict(leaves({k: c.get(k) for k in parts})) for c in (before, config))
    for key in sorted(old.keys() | new.keys()):
        if key.startswith(f"match.{FOUND}."):  # follows from the others
            continue
        was, now = (values.get(key, "nothing") for values in (old, new))
        if was != now:
            raise InvalidSetting(
                f"ckpt_path={path}: {key} was {was} and is now {now}; resume with the old value"
            )


def found_before(path: str | None, match: Mapping[str, Any]) -> dict[str, Any]:
    """What a match found when the checkpoint at `path` was made; empty if there is no match, or no
    checkpoint of the same."""
    if path is None or not match:
        return {}
    try:
        before = dict(saved_config(load_checkpoint(path)).get("match", {}))
    except InvalidSetting:  # whoever loads it says so
        return {}
    found = before.pop(FOUND, {})
    return found if before == match else {}


def carry_logs(path: str, folder: Path) -> None:
    """Takes what was logged up to the checkpoint at `path` along into `folder`: the rows of
    `metrics.csv` and the lines of `tables.jsonl`.

    Rows that were not on disk when it was made are in the checkpoint. What is later stays behind:
    the resumed run writes it anew.
    """
    before = Path(path).resolve().parent.parent
    checkpoint = load_checkpoint(path)
    step = checkpoint["global_step"]
    table = before / METRICS
    written = from_text(table.read_text(encoding="utf-8")) if table.is_file() else {}
    rows = {at: cells for at, cells in written.items() if at < step}
    for at, cells in checkpoint[KEY].get("rows", {}).items():
        merge(rows, at, cells)
    if rows:
        write_whole(folder / METRICS, to_text(rows))
    tables = [one for one in evaluations.read(before) if one.step < step]
    if tables or (folder / evaluations.FILE).exists():
        write_whole(folder / evaluations.FILE, evaluations.to_text(tables))


def is_own_checkpoint(path: str | None, folder: Path) -> bool:
    """Whether a checkpoint is of the run in this folder, which then goes on."""
    return path is not None and Path(path).resolve().parent.parent == folder.resolve()


def resumable(before: Earlier | None, config: Callable[[str], Mapping[str, Any]]) -> str:
    """The checkpoint from which a job of a repeated sweep goes on; empty if it starts anew.

    Args:
        before: what the sweep left of the job.
        config: (path of a checkpoint) -> that of the job, if it goes on from there.
    """
    if before is None or before.checkpoint is None:
        return ""
    try:
        path = str(before.checkpoint)
        check_resumable(path, config(path))
    except InvalidSetting as error:
        print(f"{before.result.name} starts anew: {error}", file=sys.stderr)
        return ""
    return str(before.checkpoint)


def saved_metrics(path: str | None) -> dict[str, float]:
    """What had been logged last when the checkpoint was made."""
    return {} if path is None else dict(load_checkpoint(path)[KEY].get("metrics", {}))
