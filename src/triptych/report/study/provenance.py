"""Which code made a run, and where."""

from collections.abc import Collection

from triptych.result import Result


def made_on(results: Collection[Result]) -> str:
    """Codes, machines and versions of torch of all of them, in a sentence."""
    codes, machines = ({told(result) for result in results} for told in (commit, machine))
    torch = {result.versions.get("torch", "unknown") for result in results}
    listed = (", ".join(sorted(texts)) for texts in (codes, machines, torch))
    return "Code {}; {}; torch {}.".format(*listed)


def commit(result: Result) -> str:
    """Ten digits, and whether tracked files were changed."""
    changed = "-dirty" if result.git.get("dirty") else ""
    return str(result.git.get("commit", "unknown"))[:10] + changed


def machine(result: Result) -> str:
    """The name of its device."""
    device = result.device
    return str(device.get("name") or device.get("processor") or device.get("kind") or "unknown")
