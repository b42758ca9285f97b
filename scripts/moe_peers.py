"""Other people's layers for the MoE benchmarks, each with the FLOPs per token of ours.

Experts of two matrices get 1.5 times our hidden units, as ours have three. Libraries that give
experts a fixed room get 1.25 times what is needed at perfect balance, their own usual factor, and
batches in sequences of 256 tokens, because their cost grows with the square of a sequence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from moe_subjects import Shape, Work, batch
from torch import Tensor, nn

from triptych.moe import MoE, StackedMLP

LARGEST_GATHER = 2**28
SEQUENCE = 256
ROOM = 1.25


@dataclass(frozen=True)
class Peer:
    """A layer of another library.

    Attributes:
        name: in the table.
        package: what is installed; its module has the same name with underscores.
        build: makes the work from our layer, whose router it shares.
        refuses: why it is left out of a case, or None.
    """

    name: str
    package: str
    build: Callable[[Shape, MoE], Work]
    refuses: Callable[[Shape], str | None]

    @property
    def installed(self) -> bool:
        """Whether it can be imported."""
        return find_spec(self.package.replace("-", "_")) is not None


def mixtral(shape: Shape, moe: MoE, implementation: str) -> Work:
    """transformers' Mixtral block with our weights."""
    module = import_module("transformers.models.mixtral.modeling_mixtral")
    config = import_module("transformers").MixtralConfig(
        hidden_size=shape.width,
        intermediate_size=shape.hidden,
        num_local_experts=shape.experts,
        num_experts_per_tok=shape.top_k,
    )
    config._experts_implementation = implementation
    with torch.device(shape.device):
        block = module.MixtralSparseMoeBlock(config).to(shape.dtype)
    copy_mixtral(block, moe)
    return Work(lambda x: block(x[None])[0], list(block.parameters()), *batch(shape))


def copy_mixtral(block: Any, moe: MoE) -> None:
    """Gives the block our router and our experts."""
    experts = moe.experts
    assert isinstance(experts, StackedMLP)
    (scores,) = moe.router.parameters()
    with torch.no_grad():
        block.gate.weight.copy_(scores)
        block.experts.gate_up_proj.copy_(experts.up)
        block.experts.down_proj.copy_(experts.down)


def st_moe(shape: Shape, moe: MoE) -> Work:
    """st-moe-pytorch: GEGLU experts of our size, second experts always taken."""
    layer = import_module("st_moe_pytorch").MoE(
        dim=shape.width,
        num_experts=shape.experts,
        gating_top_n=shape.top_k,
        expert_hidden_mult=1.5 * (shape.hidden + 0.5) / shape.width,  # rounded down there
        threshold_train=0.0,
        capacity_factor_train=ROOM * shape.top_k,
    )
    return _in_sequences(shape, moe, layer, layer.gate.to_gates.weight)


def mixture_of_experts(shape: Shape, moe: MoE) -> Work:
    """mixture-of-experts: two-matrix experts, second experts always taken."""
    layer = import_module("mixture_of_experts").MoE(
        dim=shape.width,
        num_experts=shape.experts,
        hidden_dim=shape.hidden * 3 // 2,
        second_policy_train="all",
        capacity_factor_train=ROOM * shape.top_k,
    )
    return _in_sequences(shape, moe, layer, layer.gate.w_gating.T)


def _in_sequences(shape: Shape, moe: MoE, layer: nn.Module, scores: Tensor) -> Work:
    (ours,) = moe.router.parameters()
    with torch.no_grad():
        scores.copy_(ours)
    layer.to(shape.device, shape.dtype)
    length = min(SEQUENCE, shape.tokens)

    def forward(x: Tensor) -> Tensor:
        return layer(x.view(-1, length, shape.width))[0].view_as(x)

    return Work(forward, list(layer.parameters()), *batch(shape))


def _never(shape: Shape) -> str | None:
    return None


def _large_gather(shape: Shape) -> str | None:
    gathered = shape.tokens * shape.top_k * 3 * shape.width * shape.hidden * shape.dtype.itemsize
    if gathered <= LARGEST_GATHER:
        return None
    return f"a copy of weights for each route takes over {LARGEST_GATHER // 2**20} MiB"


def _other_than_top_2_single(shape: Shape) -> str | None:
    if shape.top_k != 2:
        return "it has top-2 alone"
    return None if shape.dtype == torch.float32 else f"its masks are no {shape.dtype}"


PEERS = (
    Peer("transformers, eager", "transformers", partial(mixtral, implementation="eager"), _never),
    Peer(
        "transformers, grouped_mm",
        "transformers",
        partial(mixtral, implementation="grouped_mm"),
        _never,
    ),
    Peer(
        "transformers, batched_mm",
        "transformers",
        partial(mixtral, implementation="batched_mm"),
        _large_gather,
    ),
    Peer("st-moe-pytorch", "st-moe-pytorch", st_moe, _other_than_top_2_single),
    Peer("mixture-of-experts", "mixture-of-experts", mixture_of_experts, _other_than_top_2_single),
)


def peers(shape: Shape, moe: MoE) -> dict[str, Work]:
    """Those that are installed and take this case."""
    fit = (peer for peer in PEERS if peer.installed and peer.refuses(shape) is None)
    return {peer.name: peer.build(shape, moe) for peer in fit}


def absences(shapes: dict[str, Shape]) -> list[str]:
    """A sentence for each package that is not installed, and for each reason to leave one out."""
    missing = sorted({peer.package for peer in PEERS if not peer.installed})
    said = [f"{package} is not installed and left out." for package in missing]
    for peer in PEERS:
        cases: dict[str, list[str]] = {}
        for name, shape in shapes.items():
            cases.setdefault(peer.refuses(shape) or "", []).append(name)
        for why, names in cases.items():
            if why:
                said.append(f"{peer.name} is left out of {'; '.join(names)}: {why}.")
    return said
