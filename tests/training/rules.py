"""Every rule in conf/, at work in a short training."""

from ..composed import CONF, composed

RULES = sorted(path.stem for path in (CONF / "model" / "rule").glob("*.yaml"))
HALF = ("model=sparse", "model.sparsity=0.5", "model.dropout=0.0")
SOON = {"every": 3, "initial": 0.25}  # where a rule has such a number


def at_work(rule: str) -> list[str]:
    """The overrides by which a net of half its weights has the rule, with updates soon."""
    overrides = [*HALF, f"model/rule={rule}"]
    numbers = composed(*overrides)["model"]["rule"]
    return overrides + [f"model.rule.{k}={v}" for k, v in SOON.items() if k in numbers]
