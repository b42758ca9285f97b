"""How evenly experts are used: pure functions of a load, tokens per expert."""

import torch
from torch import Tensor


def gini(load: Tensor) -> float:
    """`sum_i (2i - n - 1) x_i / (n * sum x)` over the sorted load: 0 even, (n-1)/n all on one.

    >>> gini(torch.tensor([5, 5, 5, 5])), gini(torch.tensor([0, 0, 0, 8]))
    (0.0, 0.75)
    """
    x = load.double().sort().values
    n, total = len(x), float(x.sum())
    if total == 0:
        return 0.0
    rank = 2 * torch.arange(1, n + 1, dtype=x.dtype, device=x.device) - n - 1
    return float((rank * x).sum()) / (n * total)


def normalised_entropy(load: Tensor) -> float:
    """Entropy of the shares over `log E`: 1 even, 0 all on one expert; 1 for a single expert.

    >>> normalised_entropy(torch.tensor([1, 1, 1, 1])), normalised_entropy(torch.tensor([0, 4]))
    (1.0, 0.0)
    """
    if len(load) == 1:
        return 1.0
    share = load.double() / load.sum().clamp(min=1)
    entropy = torch.special.entr(share).sum()
    return float(entropy / torch.log(torch.tensor(len(load), dtype=entropy.dtype)))


def dead_experts(load: Tensor) -> int:
    """Experts that no token reached."""
    return int((load == 0).sum())


def max_load(load: Tensor) -> float:
    """The busiest expert's load over the mean load: 1 even, E all on one."""
    return float(load.max() / load.double().mean().clamp(min=torch.finfo(torch.double).tiny))


def drop_rate(load: Tensor, executed: Tensor) -> float:
    """The share of routes that did not run because their expert was full.

    >>> drop_rate(torch.tensor([6, 2]), torch.tensor([4, 2]))
    0.25
    """
    wanted = int(load.sum())
    return 1 - int(executed.sum()) / wanted if wanted else 0.0
