"""Which code made a run, and where."""

from triptych.result import Result


def commit(result: Result) -> str:
    """Ten digits, and whether tracked files were changed."""
    changed = "-dirty" if result.git.get("dirty") else ""
    return str(result.git.get("commit", "unknown"))[:10] + changed


def machine(result: Result) -> str:
    """The name of its device."""
    device = result.device
    return str(device.get("name") or device.get("processor") or device.get("kind") or "unknown")
