"""The modules of a net as a sample passes them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn

from triptych.cost import declared_cost
from triptych.dropout import Dropout
from triptych.models import Classifier
from triptych.moe import ExpertBank, MoE, Router
from triptych.report.gallery import Part
from triptych.sparse import SparseLinear

WHOLE = (ExpertBank, Router)  # shown as one, whatever is in them


@final
@dataclass
class _Call:
    """A module that ran, with those that it called."""

    module: nn.Module
    widths: str = ""
    called: list["_Call"] = field(default_factory=list)


def parts(net: Classifier, d_in: int) -> Part:
    """The net with its modules in the order of their calls.

    Args:
        net: on the CPU.
        d_in: width of a sample.
    """
    names: dict[nn.Module, str] = {module: name for name, module in net.named_modules()}
    root = _Call(net)
    was_training = net.training
    with ExitStack() as stack:
        stack.enter_context(_recorded(net, root))
        net.eval()
        with torch.no_grad():
            net(torch.zeros(2, d_in), torch.zeros(2, dtype=torch.long))
    net.train(was_training)
    inner = tuple(_part(call, names) for call in root.called)
    total = declared_cost(net)
    text = f"{total.params_total:,.0f} parameters"
    if total.params_active != total.params_total:
        text += f", {total.params_active:,.0f} active"
    return Part(text, parts=inner)


@contextmanager
def _recorded(net: nn.Module, root: _Call) -> Iterator[None]:
    """Fills `root` with what the net calls inside."""
    stack = [root]

    def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if module is not net:
            call = _Call(module)
            stack[-1].called.append(call)
            stack.append(call)

    def leave(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if module is not net:
            stack.pop().widths = _widths(inputs[0], output)

    hooks = [module.register_forward_pre_hook(enter) for module in net.modules()]
    hooks += [module.register_forward_hook(leave) for module in net.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _widths(given: Tensor, output: Any) -> str:
    answer = output[0] if isinstance(output, tuple) else output
    if not isinstance(answer, Tensor):
        return ""
    return f" {given.shape[-1]} → {answer.shape[-1]}"


def _part(call: _Call, names: dict[nn.Module, str]) -> Part:
    name, module = names[call.module], call.module
    special = name.startswith("blocks.")
    if isinstance(module, MoE):
        inner = [_part(router, names) for router in call.called if router.module is module.router]
        return Part(_title(call, names), special, parts=(*inner, _bank(module)))
    if isinstance(module, WHOLE) or not call.called:
        return Part(_leaf(call, names), special)
    shown = [inner for inner in _unwrapped(call) if not isinstance(inner.module, Dropout)]
    return Part(_title(call, names), special, parts=tuple(_part(inner, names) for inner in shown))


def _unwrapped(call: _Call) -> list[_Call]:
    """What a module calls; of one that only passes on to another, what that calls."""
    while len(call.called) == 1 and call.called[0].called:
        call = call.called[0]
    return call.called


def _bank(layer: MoE) -> Part:
    costs = layer.experts.costs()
    sizes = sorted({cost.params_total for cost in costs})
    each = " or ".join(f"{size:,.0f}" for size in sizes)
    active = layer.router.routes_per_token
    text = f"{len(costs)} experts of {each}; a sample meets {active:g}"
    return Part(text, special=True, copies=len(costs))


def _title(call: _Call, names: dict[nn.Module, str]) -> str:
    return f"{names[call.module].rpartition('.')[2]}{call.widths}"


def _leaf(call: _Call, names: dict[nn.Module, str]) -> str:
    module = call.module
    name = names[module].rpartition(".")[2]
    kind = type(module).__name__
    shown = kind if name.isdigit() else f"{name}: {kind}"
    count = declared_cost(module).params_total
    text = f"{shown}{call.widths}"
    if isinstance(module, SparseLinear):
        text += f", {module.density:.0%} of weights"
    return f"{text}, {count:,.0f}" if count else text
