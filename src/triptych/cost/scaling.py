"""Memory of one device, and the bytes that it sends in a training step, by strategy.

The formulas of `docs/scaling.md`. Sources: what mixed precision with Adam holds and what full
sharding sends, Rajbhandari et al. 2019, arXiv 1910.02054 (ZeRO); what each of n devices sends in a
collective at best, `doc/PERFORMANCE.md` of NVIDIA's nccl-tests; experts on different devices,
Lepikhin et al. 2020, arXiv 2006.16668 (GShard), section 3.
"""

from dataclasses import dataclass
from typing import final

from triptych.cost.held import Held


@final
@dataclass(frozen=True)
class Precision:
    """Bytes per number.

    Attributes:
        weight: of a parameter.
        gradient: of its gradient, in memory and on its way.
        optimizer: of all that Adam keeps for it, a master copy of the weight included.
        activation: of what layers give.
        row: of the rows that leave for experts.
    """

    weight: int
    gradient: int
    optimizer: int
    activation: int
    row: int


SINGLE = Precision(weight=4, gradient=4, optimizer=8, activation=4, row=4)
"""`trainer.precision=32-true`."""

AUTOCAST = Precision(weight=4, gradient=4, optimizer=8, activation=2, row=4)
"""`trainer.precision=bf16-mixed`: only products are in half precision; rows leave as norms give
them, in single."""

MIXED = Precision(weight=2, gradient=2, optimizer=12, activation=2, row=2)
"""Weights and gradients in half precision, a master copy and moments in single, as ZeRO counts."""


@final
@dataclass(frozen=True)
class PerDevice:
    """Of one device, in bytes; what is sent is that of one optimizer step.

    Attributes:
        weights: trained numbers.
        gradients: of these.
        optimizer: its state.
        fixed: masks and indices.
        working: copies that the strategy makes of weights and gradients.
        sent_gradients: to bring them together.
        sent_weights: to gather them.
        sent_rows: tokens on their way to experts and back.
    """

    weights: float
    gradients: float
    optimizer: float
    fixed: float
    working: float = 0.0
    sent_gradients: float = 0.0
    sent_weights: float = 0.0
    sent_rows: float = 0.0

    @property
    def memory(self) -> float:
        """All that is held; activations come on top."""
        return self.weights + self.gradients + self.optimizer + self.fixed + self.working

    @property
    def sent(self) -> float:
        """All that is sent."""
        return self.sent_gradients + self.sent_weights + self.sent_rows


def all_reduce(size: float, devices: float) -> float:
    """Bytes that each of n devices sends to sum `size` bytes in a ring: 2 (n - 1) / n of them."""
    return 2 * size * (devices - 1) / devices


def all_gather(size: float, devices: float) -> float:
    """Bytes that each of n devices sends so that all have `size` bytes: (n - 1) / n of them.
    A reduce-scatter is the reverse, and an all-to-all of even parts sends as much."""
    return size * (devices - 1) / devices


def one_device(held: Held, precision: Precision) -> PerDevice:
    """Everything in one place."""
    return _holding(held.total, held, precision)


def ddp(held: Held, precision: Precision, devices: int) -> PerDevice:
    """A copy of everything on each device, by `DataParallelStrategy`: gradients lie in the buckets
    in which they are summed, and buffers are not sent."""
    sent = all_reduce(precision.gradient * held.total, devices)
    return _holding(held.total, held, precision, sent_gradients=sent)


def fsdp(held: Held, precision: Precision, devices: int) -> PerDevice:
    """One n-th of everything on each device but masks and indices, which stay whole:
    `torch.distributed.fsdp.fully_shard` of each block. Weights are gathered in the forward pass and
    again in the backward pass. Working is an estimate: the weights of two blocks, as the next is
    gathered while one works, and the gradient of one."""
    gathered = all_gather(precision.weight * held.total, devices)
    return _holding(
        held.total / devices,
        held,
        precision,
        working=held.unit * (2 * precision.weight + precision.gradient),
        sent_gradients=all_gather(precision.gradient * held.total, devices),
        sent_weights=2 * gathered,
    )


def expert_parallel(
    held: Held, precision: Precision, devices: int, expert_ranks: int, sent_rows: float
) -> PerDevice:
    """DDP of what is common; experts are spread over `expert_ranks` devices, in as many copies as
    there is room for, whose gradients are summed.

    Args:
        sent_rows: of all layers; `exchange`.
    """
    common = precision.gradient * held.common
    own = held.experts / expert_ranks
    among_copies = all_reduce(precision.gradient * own, devices / expert_ranks)
    return _holding(
        held.common + own,
        held,
        precision,
        sent_gradients=all_reduce(common, devices) + among_copies,
        sent_rows=sent_rows,
    )


def exchange(leaving: float, arriving: float, width: int, precision: Precision) -> float:
    """Bytes that a device sends for one MoE layer in a step, forward and backward: four
    all-to-alls. Rows leave and their gradients come back; answers come back and theirs leave.

    Args:
        leaving: routes of its tokens to experts of other devices.
        arriving: routes of other devices' tokens to its experts.
        width: D.
    """
    return (leaving + arriving) * width * (precision.row + precision.activation)


def even_rows(tokens: float, top_k: int, expert_ranks: int) -> float:
    """Routes that leave a device if experts are chosen evenly, and so those that arrive."""
    return all_gather(tokens * top_k, expert_ranks)


def counts(num_experts: int, expert_ranks: int) -> float:
    """Bytes that a device sends for one MoE layer in a step to say how many rows will come: a
    64-bit number for each expert."""
    return all_gather(8 * num_experts, expert_ranks)


def dense_activations(tokens: float, width: int, d_hidden: int, precision: Precision) -> float:
    """Bytes that a block keeps for the backward pass, whatever the kernel: the inputs of its two
    products. Dropout, norms and what surrounds the block are not counted."""
    return tokens * (width + d_hidden) * precision.activation


def moe_activations(
    tokens: float, width: int, d_hidden: int, top_k: int, precision: Precision
) -> float:
    """The same of an MoE layer, with `loop` or `grouped`: the router's input, and for each route
    the inputs of two products and the answer. A router's few numbers are not counted."""
    inputs = tokens * width * precision.row
    return inputs + tokens * top_k * (2 * width + d_hidden) * precision.activation


def _holding(
    trained: float,
    held: Held,
    precision: Precision,
    *,
    working: float = 0.0,
    sent_gradients: float = 0.0,
    sent_weights: float = 0.0,
    sent_rows: float = 0.0,
) -> PerDevice:
    return PerDevice(
        trained * precision.weight,
        trained * precision.gradient,
        trained * precision.optimizer,
        held.fixed,
        working,
        sent_gradients,
        sent_weights,
        sent_rows,
    )
