"""How long calls take, measured without leaving a trace."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

ROUNDS = 7
ENOUGH = 0.02  # seconds; after them no further round begins


def least_seconds(
    calls: Mapping[str, Callable[[], object]], device: torch.device
) -> dict[str, float]:
    """The least time of each call, of 2 to 7 rounds: others on a machine only make it longer.

    In turn, so that what disturbs one call disturbs the others too.

    Args:
        calls: by name.
        device: that they run on.
    """
    least = dict.fromkeys(calls, float("inf"))
    begin = time.perf_counter()
    for done in range(ROUNDS):
        if done >= 2 and time.perf_counter() - begin > ENOUGH:
            break
        for name, call in calls.items():
            _wait(device)
            since = time.perf_counter()
            call()
            _wait(device)
            least[name] = min(least[name], time.perf_counter() - since)
    return least


def passes(
    product: Callable[[Tensor], Tensor], x: Tensor, parameters: Sequence[Tensor], gradients: bool
) -> Callable[[], list[Tensor]]:
    """A forward pass, and with `gradients` a backward pass that leaves none in `.grad`: the
    output, followed by the gradients.

    Args:
        product: of x.
        x: its gradient is computed too if it wants one.
        parameters: of the product.
    """

    def call() -> list[Tensor]:
        y = product(x)
        if not gradients:
            return [y]
        wanted = [t for t in (x, *parameters) if t.requires_grad]
        return [y.detach(), *torch.autograd.grad(y, wanted, y.detach())]

    return call


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
