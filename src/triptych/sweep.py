"""Sweeps: how many jobs there are, and the table and page when they have ended."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from triptych import result as results
from triptych.errors import Stopped
from triptych.folders import require_writable
from triptych.result import Result

FILE = "sweep.json"


class SweepCallback(Callback):
    """Notes at the start of a multirun what it is; its end is `finish`, which also a failed
    sweep reaches (Hydra's own `on_multirun_end` comes only if all jobs succeeded)."""

    started: ClassVar[list[Path]] = []

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Writes `sweep.json`: number of jobs and where the page goes.

        Raises:
            Stopped: if something cannot be written; Hydra would only warn of another error.
        """
        try:
            folder = Path(config.hydra.sweep.dir)
            folder.mkdir(parents=True, exist_ok=True)
            # As typed: references such as ${hydra:job.num} have a value inside a job only.
            hydra = config.hydra
            overrides: Any = OmegaConf.to_container(hydra.overrides.task, resolve=False)
            sweeper: Any = OmegaConf.to_container(hydra.sweeper, resolve=False)
            swept = [f"{k}={v}" for k, v in (sweeper.get("params") or {}).items()] + overrides
            content = {
                "jobs": count_jobs(swept, GlobalHydra.instance().config_loader()),
                "report": str(_report_folder(config.sweep.report) or folder / "report"),
                "overrides": overrides,
            }
            results.write_whole(folder / FILE, json.dumps(content, indent=1) + "\n")
        except Exception as error:
            raise Stopped(str(error)) from error
        SweepCallback.started.append(folder)


def _report_folder(setting: str | None) -> Path | None:
    """Proves before hours of training that the page can be written where it was asked for."""
    if setting is None:
        return None
    require_writable(Path(setting), "sweep.report")
    return Path(setting)


def count_jobs(overrides: list[str], loader: ConfigLoader | None = None) -> int:
    """The number of combinations that overrides with several values make; the last of a key wins.

    Args:
        overrides: as typed.
        loader: knows the options of each group, which `model=glob(*)` asks for.

    >>> count_jobs(["model=ffn,moe", "seed=range(3)", "model.lr=0.1"])
    6
    """
    parsed = OverridesParser.create(loader).parse_overrides(overrides)
    choices = {
        o.get_key_element(): sum(1 for _ in o.sweep_iterator()) if o.is_sweep_override() else 1
        for o in parsed
    }
    return math.prod(choices.values())


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
    file = Path(hydra.runtime.cwd, hydra.sweep.dir, FILE)
    total = f" of {json.loads(file.read_text())['jobs']}" if file.is_file() else ""
    return f"run {int(hydra.job.num) + 1}{total}: {name}"


def finish(folder: Path) -> int:
    """Prints and writes the table and the page of a sweep.

    Returns:
        The number of jobs that did not end as they should.
    """
    note = json.loads((folder / FILE).read_text())
    if not any(folder.rglob(results.FILE)):
        return note["jobs"]
    # Only here: a typing error should not wait for pandas and matplotlib.
    from triptych.report import build_report, print_report, read_records

    print_report(build_report([folder], Path(note["report"])))
    runs, unreadable = read_records([folder])
    states = Counter(result.status for _, result in runs)
    missing = note["jobs"] - len(runs) - len(unreadable)
    counts = {
        "done": states["finished"],
        "failed": states["failed"] + states["running"] + len(unreadable),
        "interrupted": states["interrupted"],
        "skipped": states["skipped"],
        "not started": missing,
    }
    shown = (f"{n} {word}" for word, n in counts.items() if n or word == "done")
    print(", ".join(shown))
    return counts["failed"] + counts["interrupted"] + missing
