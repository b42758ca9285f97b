"""The jobs of a sweep: how many there are, and how progress names one."""

import math
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from triptych.result import Result
from triptych.sweep.note import read_note

REPLICAS = "replicas"


def count_jobs(overrides: list[str], loader: ConfigLoader | None = None, replicas: int = 1) -> int:
    """The number of runs that overrides with several values make; the last of a key wins.

    Args:
        overrides: as typed.
        loader: knows the options of each group, which `model=glob(*)` asks for.
        replicas: of each combination, where the overrides do not say.

    >>> count_jobs(["model=ffn,moe", "seed=range(3)", "model.lr=0.1"])
    6
    >>> count_jobs(["seed=0,8", "replicas=2,4"])
    12
    """
    parsed = OverridesParser.create(loader).parse_overrides(overrides)
    choices = {
        o.get_key_element(): sum(1 for _ in o.sweep_iterator()) if o.is_sweep_override() else 1
        for o in parsed
    }
    for override in parsed:
        if override.get_key_element() == REPLICAS:
            choices[REPLICAS] = _total(override)
    return math.prod(choices.values()) * (1 if REPLICAS in choices else max(replicas, 1))


def _total(override: Override) -> int:
    """The sum of its values; what is no number of runs is one, which fails."""
    swept = override.is_sweep_override()
    values: list[Any] = list(override.sweep_iterator()) if swept else [override.value()]
    return sum(max(int(v), 1) if str(v).isdigit() else 1 for v in values)


def is_swept(override: str) -> bool:
    """Whether it stands for several values.

    >>> is_swept("model.top_k=1,2"), is_swept("seed=range(3)"), is_swept("a.b=[1,2]")
    (True, True, False)
    """
    (parsed,) = OverridesParser.create().parse_overrides([override])
    return parsed.is_sweep_override()


def title(result: Result) -> str:
    """How progress names a run: `run 4 of 9: moe, seed 0` inside a sweep."""
    hydra = HydraConfig.get()
    name = f"{result.panel}, seed {result.seed}"
    shown = [o for o in result.overrides if o.startswith("model.")]
    name = ", ".join([name, *shown])
    # A child process of a job runs alone, but has the sweep's folder.
    if hydra.mode != RunMode.MULTIRUN:
        return name
    # A job may have a working directory of its own (hydra.job.chdir).
    note = read_note(Path(hydra.runtime.cwd, hydra.sweep.dir))
    total = f" of {note.jobs}" if note is not None else ""
    return f"run {_number(hydra) + 1}{total}: {name}"


def _number(hydra: HydraConf) -> int:
    """By its folder: among jobs that are trained together those of Hydra's are not numbered so."""
    folder = Path(hydra.runtime.output_dir).name
    return int(folder if folder.isdigit() else hydra.job.num)
