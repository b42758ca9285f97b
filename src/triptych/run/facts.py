"""Where, when and with what a run took place."""

import hashlib
import json
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

LEFT_OUT = ("logger", "sweep", "ckpt_path", "replicas")
FOLDERS = ("dirpath", "folder")
PACKAGES = ("triptych", "torch", "lightning", "torchmetrics", "hydra-core", "wandb", "numpy")


def config_hash(config: Mapping[str, Any]) -> str:
    """Equal for runs that compute the same: loggers, sweeps and folders do not count.

    >>> a = {"seed": 0, "logger": {"csv": 1}, "callbacks": {"checkpoint": {"dirpath": "a"}}}
    >>> b = {"seed": 0, "logger": {}, "callbacks": {"checkpoint": {"dirpath": "b"}}}
    >>> config_hash(a) == config_hash(b), config_hash(a) == config_hash({**a, "seed": 1})
    (True, False)
    """
    what = _without_folders({k: v for k, v in config.items() if k not in LEFT_OUT})
    text = json.dumps(what, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_folders(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {k: _without_folders(v) for k, v in node.items() if k not in FOLDERS}
    return node


def git_state(folder: Path) -> dict[str, Any]:
    """Commit and whether tracked files were changed; empty outside a repository."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(folder, "status", "--porcelain", "-uno"))}
    except (OSError, subprocess.CalledProcessError):
        return {}


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def versions() -> dict[str, str]:
    """Python and the packages that can change a result."""
    found = {"python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    return found | {"torch": torch.__version__}  # as it says itself: with the kind of its build


def device_facts(device: torch.device, processes: int) -> dict[str, Any]:
    """Kind and name of the device, how many processes, and threads in each."""
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else processor()
    return {
        "kind": device.type,
        "name": name,
        "processes": processes,
        "threads": torch.get_num_threads(),
    }


def processor() -> str:
    """The model's name; `platform.processor()` is empty on most Linux systems."""
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def now() -> str:
    """The time of day, to the second, with the offset from UTC."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def reset_peak_memory(device: torch.device) -> None:
    """Starts a new measurement of `peak_memory_mib`."""
    if device.type == "cuda":
        torch.cuda.init()  # nothing may have used the device yet, and then it has no statistics
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        try:  # else the peak of an earlier job of a sweep would count for this one
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return


def peak_memory_mib(device: torch.device) -> float:
    """Largest memory since the reset: allocated on a GPU, resident in this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
