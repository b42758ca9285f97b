"""Other people's sparse layers for `bench_sparse.py`, with the weights of one of ours."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from triptych.sparse import SparseLinear

SPARSEPROP = "sparseprop"


class TorchCSR(nn.Module):
    """What PyTorch offers: a matrix in compressed rows, multiplied by `torch.sparse.mm`."""

    def __init__(self, like: SparseLinear) -> None:
        super().__init__()
        self.weight = like.matrix().to_sparse_csr().requires_grad_()

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, O)."""
        return torch.sparse.mm(self.weight, x.t()).t()


class ScipyCSR(nn.Module):
    """SciPy's compressed rows; without gradients."""

    def __init__(self, like: SparseLinear) -> None:
        super().__init__()
        from scipy.sparse import csr_array

        self.weight = csr_array(like.matrix().numpy())

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, O)."""
        return torch.from_numpy((self.weight @ x.t().numpy()).T)


def trained_peers(like: SparseLinear) -> dict[str, Any]:
    """Those with gradients."""
    peers: dict[str, Any] = {"torch csr": TorchCSR(like)}
    if find_spec(SPARSEPROP) is not None:
        layer = import_module("sparseprop.modules.linear").SparseLinear
        peers[SPARSEPROP] = layer(like.matrix(), bias=nn.Parameter(like.bias.detach().clone()))
    return peers


def forward_peers(like: SparseLinear) -> dict[str, Any]:
    """Those without."""
    return {"scipy csr": ScipyCSR(like)}


def packages() -> list[str]:
    """Whose versions matter."""
    return ["scipy", *([SPARSEPROP] if find_spec(SPARSEPROP) else [])]


def absences() -> list[str]:
    """A sentence for what is not installed."""
    if find_spec(SPARSEPROP) is not None:
        return []
    return ["sparseprop is not installed and left out: pip install sparseprop (needs g++)."]
