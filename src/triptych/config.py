"""The schema of the root configuration. Groups stay open: their own code checks their ranges."""

import copyreg
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore

from triptych import resolvers

SCHEMA = "schema"


@dataclass
class Sweep:
    """Settings of a multirun.

    Attributes:
        report: the folder of its page; null = inside the sweep's folder.
        resume: the folder of a sweep to go on with; null = a new one.
        fail_fast: whether the first job that fails ends the sweep.
        objectives: what a search is told of each job, of `val/...`, `train/...` and the fields of
            its cost; empty = the best score of the monitored metric.
        notes: caveats that the page must name.
        vectorize: whether jobs that differ in numbers alone are trained as one program.
        most_replicas: jobs in such a program at most.
        group: the file that says which jobs one program trains; written by the sweep.
    """

    report: str | None = None
    resume: str | None = None
    fail_fast: bool = False
    objectives: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    vectorize: bool = False
    most_replicas: int = 16
    group: str | None = None


@dataclass
class Config:
    """The root keys. A typo fails at once, because a key that is not here does not exist."""

    seed: int = 0
    replicas: int = 1
    ckpt_path: str | None = None
    sweep: Sweep = field(default_factory=Sweep)
    data: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    match: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)


def register() -> None:
    """Makes the schema and the resolvers known, under the names that the configs ask for."""
    resolvers.register()
    # Hydra copies the store, which is a singleton, once for each group that --help lists: said to
    # copy as itself, it takes a third of the time. Launchers send it to other processes, which
    # know nothing yet.
    copyreg.pickle(ConfigStore, lambda _: (_registered, ()))
    ConfigStore.instance().store(name=SCHEMA, node=Config)


def _registered() -> ConfigStore:
    store = ConfigStore.instance()
    if f"{SCHEMA}.yaml" not in store.repo:
        register()
    return store
