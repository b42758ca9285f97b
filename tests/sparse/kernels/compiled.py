"""Run as a process of its own: compiles a net with each kernel and says what came of it, as JSON.

torch.compile cannot look into functions that a type checker wraps, as those of other tests are.
"""

import json
import sys
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch._dynamo.utils import counters

from triptych.errors import InvalidSetting
from triptych.sparse import SET, SparseLinear, View, move, two_four_masks, uniform_mask, zero_state

WIDTH, BLOCK, UPDATES = 16, 4, 5


def masks() -> list[Tensor]:
    """Whole blocks in a rectangle, 2:4, and anything."""
    lots = [torch.Generator().manual_seed(seed) for seed in range(3)]
    whole = torch.zeros(WIDTH, WIDTH, dtype=torch.bool)
    whole[:8, 4:] = True
    anything = uniform_mask(WIDTH, WIDTH, 0.5, lots[1])
    return [anything, whole, two_four_masks([(WIDTH, WIDTH)], 0.5, lots[2:])[0]]


def layer(path: str) -> SparseLinear:
    """By the file of a kernel, with the first mask that it takes."""
    node = OmegaConf.create({"model": {"block": BLOCK}, "kernel": OmegaConf.load(path)})
    make = instantiate(node.kernel)
    for mask in masks():
        try:
            return make(mask)
        except InvalidSetting:
            continue
    raise AssertionError(path)


def passed(net: Any, x: Tensor) -> list[Tensor]:
    """Output and gradients."""
    net.zero_grad()
    x = x.clone().requires_grad_()
    y = net(x)
    y.square().sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in net.parameters())]


def difference(net: nn.Module, compiled: Any, x: Tensor) -> float:
    """The largest of outputs and all gradients, with and without gradients."""
    ours = [part.clone() for part in passed(compiled, x)]
    pairs = zip(ours, passed(net, x), strict=True)
    largest = max(float((a - b).abs().max()) for a, b in pairs)
    with torch.no_grad():
        return max(largest, float((compiled(x) - net(x)).abs().max()))


def moved(net: nn.Sequential, seed: int) -> bool:
    """A third of the weights of each layer; false if the kernel keeps its places."""
    rule, lots = SET(every=1, until=1.0, drop=0.34), torch.Generator().manual_seed(seed)
    for part in net:
        if isinstance(part, SparseLinear):
            seen = View(part.matrix(), part.mask.clone(), None, lots)
            try:
                move(part, rule.update([seen], 0.0)[0], None, zero_state, None)
            except InvalidSetting:
                return False
    return True


def tried(path: str) -> dict[str, Any]:
    """What compiling a net of two layers of this kernel gives."""
    torch._dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    net = nn.Sequential(layer(path), nn.ReLU(), layer(path)).double()
    compiled = torch.compile(net, backend="aot_eager")
    x = torch.randn(8, WIDTH, dtype=torch.double)
    worst = difference(net, compiled, x)
    graphs, moves = counters["stats"]["unique_graphs"], 0
    for seed in range(UPDATES):
        moves += moved(net, seed)
        worst = max(worst, difference(net, compiled, x))
    return {
        "difference": worst,
        "graphs": graphs,
        "later": counters["stats"]["unique_graphs"] - graphs,
        "breaks": sum(counters["graph_break"].values()),
        "moves": moves,
    }


if __name__ == "__main__":
    print(json.dumps({path: tried(path) for path in sys.argv[1:]}))
