"""One of several processes that train sparse nets together."""

from typing import Any

from triptych.errors import MasksDiffer
from triptych.training import EMA, DataParallelStrategy

from .rules import RULES, at_work
from .sparse_cases import RUNNING, settings
from .tiny import pair, trainer

# Rules bring a kernel of their own; `auto` goes by the clock and has tests of its own.
APART = ("masked", "straight_through", "auto")
KERNELS = [name for name in RUNNING if name.partition("-")[0] not in APART]


def trained(rule: str, devices: int) -> dict[str, Any]:
    """Two epochs: all masks and weights."""
    module, data = pair(*at_work(rule))
    strategy = DataParallelStrategy() if devices > 1 else "auto"
    settings = {"precision": "64-true", "max_epochs": 2, "gradient_clip_val": 0.5}
    trainer(devices=devices, strategy=strategy, **settings).fit(module, data)
    return dict(module.network.state_dict())


def averaged(name: str, devices: int) -> dict[str, Any]:
    """The same of a kernel and a rule, with micro-batches: averages of the weights."""
    module, data = pair(*settings(name), "model.dropout=0.0")
    strategy = DataParallelStrategy() if devices > 1 else "auto"
    how = {"precision": "64-true", "max_epochs": 2, "accumulate_grad_batches": 2}
    trainer([EMA(0.5)], devices=devices, strategy=strategy, **how).fit(module, data)
    return dict(module.network.state_dict())


def refusal(index: int) -> str:
    """What is said where one process draws from a seed of its own."""
    module, data = pair(*at_work("set"))
    module.seed += index
    try:
        trainer(devices=2, strategy=DataParallelStrategy()).fit(module, data)
    except MasksDiffer as error:
        return str(error)
    return ""


def corrected(index: int) -> dict[str, Any]:
    """Weights and their places, where each process begins with a net of its own."""
    module, data = pair("model=sparse", "model/kernel=csr", f"seed={index}")
    trainer(devices=2, strategy=DataParallelStrategy()).fit(module, data)
    return dict(module.network.state_dict())


def found(index: int, world: int) -> dict[str, Any]:
    """Of every rule, of every other kernel, and of processes that go astray or begin so."""
    by_rule = {rule: trained(rule, world) for rule in RULES}
    by_kernel = {name: averaged(name, world) for name in KERNELS}
    alone = {"refusal": refusal(index), "corrected": corrected(index)}
    return {**by_rule, **by_kernel, **alone}
