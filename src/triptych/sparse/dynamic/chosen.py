"""Products with the hidden units that were chosen for each sample, and with no others.

Letters: B samples, D inputs, F hidden units, K of them chosen, O outputs.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from triptych.sparse.kernels.precision import without_autocast

TILE = 2**18  # numbers of gathered weights at a time: 1 MiB in single precision, about a cache
SAMPLED = (torch.float32, torch.float64)  # what `torch.sparse.sampled_addmm` takes


@torch.compiler.disable()  # which cannot follow sparse tensors
def chosen_product(
    x: Float[Tensor, "B D"],
    units: Int[Tensor, "B K"],
    up: Float[Tensor, "F D"],
    bias: Float[Tensor, " F"],
    down: Float[Tensor, "F O"],
) -> Float[Tensor, "B O"]:
    """`sum_k relu(up[u_k] x + bias[u_k]) down[u_k]` over the units u of each sample.

    Without gradients nothing is copied: the first product is sampled where it is needed, the
    second reads rows in place. It is always done so, whatever the batch, because a choice by speed
    would depend on N = F / K more than on B. Time over that of the dense layer, with a controller
    of rank 64, on one thread of a CPU, for D = O = 512 and F = 2048:

    N = 32: 0.7 for one sample, 0.5 for 8, 0.75 for 128 and 1024; N = 16: 0.6, 0.6, 1.1, 1.2;
    N = 8: 1.2, 0.9, 1.8, 1.9. Where weights fit into the cache (D = 32, F = 320) it is 4 to 6.

    With gradients, or in half precision, the weights of each sample are copied, `TILE` numbers at
    a time; autograd then keeps B * K * (D + O) numbers until the backward pass.
    """
    with without_autocast(x):
        x = x.to(up.dtype)
        if torch.is_grad_enabled() or x.dtype not in SAMPLED:
            return _copied(x, units, up, bias, down)
        hidden = torch.relu(_sampled(x, units, up) + bias[units])
        return F.embedding_bag(units, down, mode="sum", per_sample_weights=hidden)


def _sampled(x: Tensor, units: Tensor, up: Tensor) -> Float[Tensor, "B K"]:
    batch, count = units.shape
    zeros, starts = x.new_zeros(batch * count), torch.arange(batch + 1, device=x.device) * count
    places = torch.sparse_csr_tensor(
        starts, units.flatten(), zeros, (batch, len(up)), check_invariants=False
    )
    return torch.sparse.sampled_addmm(places, x, up.t()).values().view(batch, count)


def _copied(x: Tensor, units: Tensor, up: Tensor, bias: Tensor, down: Tensor) -> Tensor:
    rows = max(1, TILE // (units.shape[1] * x.shape[1]))
    parts = zip(x.split(rows), units.split(rows), strict=True)
    return torch.cat([_tile(part, which, up, bias, down) for part, which in parts])


def _tile(x: Tensor, units: Tensor, up: Tensor, bias: Tensor, down: Tensor) -> Tensor:
    hidden = torch.bmm(F.embedding(units, up), x[:, :, None]).squeeze(2)
    hidden = torch.relu(hidden + bias[units])
    return torch.bmm(hidden[:, None], F.embedding(units, down)).squeeze(1)
