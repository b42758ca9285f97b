"""How long calls take, measured without leaving a trace."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

ROUNDS = 7
ENOUGH = 0.02  # seconds; after them no further round begins
IN_A_ROW = 8  # calls that a GPU is given before anybody waits for it, as in a training


def least_seconds(
    calls: Mapping[str, Callable[[], object]], device: torch.device
) -> dict[str, float]:
    """The least time of each call, of 2 to 7 rounds: others on a machine only make it longer.

    In turn, so that what disturbs one call disturbs the others too. On a GPU a call is followed by
    others: alone, starting it is what takes longest, and the device is not as hot as in a training.

    Args:
        calls: by name.
        device: that they run on.
    """
    repeats = IN_A_ROW if device.type == "cuda" else 1
    least = dict.fromkeys(calls, float("inf"))
    begin = time.perf_counter()
    for done in range(ROUNDS):
        if done >= 2 and time.perf_counter() - begin > ENOUGH:
            break
        for name, call in calls.items():
            _wait(device)
            since = time.perf_counter()
            for _ in range(repeats):
                call()
            _wait(device)
            least[name] = min(least[name], (time.perf_counter() - since) / repeats)
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
