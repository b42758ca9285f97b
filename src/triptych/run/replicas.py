"""Runs that are trained in one program: all are built, trained side by side, and tested."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from triptych.data import InMemoryData
from triptych.errors import IncompatibleSettings, NotInLockstep
from triptych.launch import JobFailed, isolated_job
from triptych.run.build import build_trainer
from triptych.run.checks import why_not_lockstep
from triptych.run.facts import reset_peak_memory
from triptych.run.recorder import interruption
from triptych.run.replica import ReplicaRun, as_replica, settings_of
from triptych.run.train import Score, prepare_cpu, quieten, train
from triptych.sweep import Replica, read_note
from triptych.training import (
    LockstepData,
    LockstepModule,
    Member,
    Progress,
    leave_out_idle_hooks,
    step_plainly,
)


def train_replicas(cfg: DictConfig, replicas: Sequence[Replica]) -> list[Score | None]:
    """Trains, validates and tests all of them; writes a run folder for each.

    One that cannot be built, or fails, is recorded as failed and does not stop the others.

    Args:
        cfg: what they have in common.
        replicas: in which they differ.

    Returns:
        The score of each, as `train` does; None for one that failed or is skipped.

    Raises:
        InvalidSetting: as `train`, and for what cannot be trained in lockstep, if none can.
        NotInLockstep: if they cannot be put together.
    """
    quieten()
    runs = [ReplicaRun(cfg, replica) for replica in replicas]
    waiting = [run for run in runs if not run.is_done]
    try:
        built = _built(waiting)
        if built:
            _fit(built)
        for run in built:
            run.end()
    except BaseException as error:
        for run in waiting:
            run.close(error)
        interrupt = interruption(error)
        if interrupt is None or interrupt is error:
            raise
        raise interrupt from error
    return [run.score for run in runs]


def train_group(cfg: DictConfig, replicas: Sequence[Replica]) -> list[Score | None]:
    """`train_replicas`, or one after the other if they cannot be trained in lockstep."""
    config: Any = OmegaConf.to_container(settings_of(cfg, replicas[0]), resolve=True)
    reason = why_not_lockstep(config)
    try:
        if reason is None:
            return train_replicas(cfg, replicas)
    except NotInLockstep as error:
        reason = str(error)
    print(f"one after the other: {reason}", file=sys.stderr)
    return [_alone(cfg, replica) for replica in replicas]


def _alone(cfg: DictConfig, replica: Replica) -> Score | None:
    """As a job of its own, whose failure the next one does not see."""
    with as_replica(replica):
        try:
            with isolated_job(cfg.sweep.fail_fast):
                return train(settings_of(cfg, replica))
        except JobFailed:
            return None


def _built(runs: Sequence[ReplicaRun]) -> list[ReplicaRun]:
    """Those that can be trained. What the others lack is said once if it is so for all."""
    built: list[ReplicaRun] = []
    failed: list[tuple[ReplicaRun, Exception]] = []
    for run in runs:
        try:
            run.build(1 / len(runs))
            built.append(run)
        except Exception as error:
            run.close(error)
            if run.result.status == "failed":
                failed.append((run, error))
    if failed and not built:
        raise failed[0][1]
    for run, error in failed:
        run.say(error)
    return built


def _fit(runs: Sequence[ReplicaRun]) -> None:
    """Those with the same optimizer side by side, so that one serves them."""
    runs = sorted(runs, key=lambda run: _learning(run.config))
    folder = str(runs[0].replica.folder)
    members, configs = [run.member for run in runs], [run.config for run in runs]
    seconds = fit_together(members, configs, _title(runs), folder)
    for run in runs:
        run.result.seconds["fit"] = seconds / len(runs)


def fit_together(
    members: Sequence[Member], configs: Sequence[dict[str, Any]], title: str, folder: str
) -> float:
    """Trains members in lockstep.

    Args:
        members: those with the same optimizer side by side.
        configs: of each, plain and resolved.
        title: what the progress line calls them.
        folder: where Lightning writes what has no other place.

    Returns:
        Seconds.

    Raises:
        NotInLockstep: if they cannot be put together.
    """
    settings = {**configs[0]["trainer"], "enable_checkpointing": False}
    trainer = build_trainer({**configs[0], "trainer": settings}, [Progress(title)], [], folder)
    prepare_cpu(members[0].module, members[0].data, processes=1, replicas=len(members))
    try:
        module = LockstepModule(members, _alike(configs))
    except IncompatibleSettings as error:  # not of a run, so none is skipped for it
        raise NotInLockstep(str(error)) from error
    leave_out_idle_hooks(trainer.callbacks, module)  # pyright: ignore[reportAttributeAccessIssue]
    step_plainly(trainer)
    # `why_not_lockstep` lets no other data pass.
    data = [member.data for member in members if isinstance(member.data, InMemoryData)]
    reset_peak_memory(trainer.strategy.root_device)
    begin = time.perf_counter()
    try:
        trainer.fit(module, datamodule=LockstepData(data))
    except IncompatibleSettings as error:
        raise NotInLockstep(str(error)) from error
    return time.perf_counter() - begin


def _learning(config: Mapping[str, Any]) -> str:
    but_rate = {key: value for key, value in config["optimizer"].items() if key != "lr"}
    return json.dumps(but_rate, sort_keys=True, default=str)


def _alike(configs: Sequence[Mapping[str, Any]]) -> list[range]:
    """Ranges with the same optimizer, but for the learning rate."""
    found: list[range] = []
    for r, config in enumerate(configs):
        same = r > 0 and _learning(configs[r - 1]) == _learning(config)
        start = found.pop().start if same else r
        found.append(range(start, r + 1))
    return found


def _title(runs: Sequence[ReplicaRun]) -> str:
    """How progress names them: `3 of 9 runs: moe, seeds 0 to 2`."""
    seeds = sorted({run.result.seed for run in runs})
    shown = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    name = f"{runs[0].result.panel}, {shown}"
    hydra = HydraConfig.get()
    in_sweep = hydra.mode == RunMode.MULTIRUN
    note = read_note(Path(hydra.runtime.cwd, hydra.sweep.dir)) if in_sweep else None
    return f"{len(runs)} of {note.jobs} runs: {name}" if note else f"{len(runs)} runs: {name}"
