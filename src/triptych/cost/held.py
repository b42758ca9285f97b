"""What a feed-forward block D - F - D of each panel holds and executes, by its sizes alone.

Counts are floats, so that a density need not give whole numbers. All blocks have biases.
"""

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Held:
    """What a net, or a part of one, holds before it is spread over devices.

    Attributes:
        common: trained numbers outside experts; every token meets them.
        experts: trained numbers in experts.
        fixed: bytes beside them that no optimizer changes: masks and indices.
        unit: trained numbers of its largest block.
        flops: of one token in the forward pass, as executed.
    """

    common: float
    experts: float = 0.0
    fixed: float = 0.0
    unit: float = 0.0
    flops: float = 0.0

    def __add__(self, other: "Held") -> "Held":
        return Held(
            self.common + other.common,
            self.experts + other.experts,
            self.fixed + other.fixed,
            max(self.unit, other.unit),
            self.flops + other.flops,
        )

    def times(self, blocks: int) -> "Held":
        """So many of the same."""
        return Held(
            self.common * blocks,
            self.experts * blocks,
            self.fixed * blocks,
            self.unit,
            self.flops * blocks,
        )

    @property
    def total(self) -> float:
        """All trained numbers."""
        return self.common + self.experts


def dense_block(width: int, d_hidden: int) -> Held:
    """Two whole matrices."""
    return _block(2 * width * d_hidden, width, d_hidden)


def masked_block(width: int, d_hidden: int) -> Held:
    """Kernel `masked`: whole matrices, each beside a mask of one byte per place; whole products."""
    return _block(2 * width * d_hidden, width, d_hidden, fixed=2 * width * d_hidden)


def csr_block(width: int, d_hidden: int, density: float) -> Held:
    """Kernel `csr`: three 32-bit integers beside each weight (its column; its row and number in the
    transpose), and where each row and column begins."""
    weights = 2 * density * width * d_hidden
    starts = 2 * (width + 1 + d_hidden + 1)
    return _block(weights, width, d_hidden, fixed=4 * (3 * weights + starts))


def blocks_block(width: int, d_hidden: int, density: float, block: int) -> Held:
    """Kernel `block`: a 64-bit column for each block of block x block weights, and where each row
    of blocks begins. On CUDA five such lists more, made at the first product, are not counted."""
    weights = 2 * density * width * d_hidden
    starts = width / block + 1 + d_hidden / block + 1
    return _block(weights, width, d_hidden, fixed=8 * (weights / block**2 + starts))


def narrow_block(width: int, d_hidden: int, units: int) -> Held:
    """Kernel `narrow`: the `units` hidden units that are left, with 64-bit lists of rows and
    columns."""
    return _block(2 * width * units, width, d_hidden, fixed=8 * 2 * (width + units))


def moe_block(width: int, d_hidden: int, num_experts: int, top_k: int) -> Held:
    """Equal experts of two layers, and a router that is one matrix without bias."""
    expert = 2 * width * d_hidden
    router = num_experts * width
    experts = num_experts * (expert + width + d_hidden)
    flops = 2 * router + 2 * top_k * expert
    return Held(router, experts, 0.0, router + experts, flops)


def _block(weights: float, width: int, d_hidden: int, fixed: float = 0.0) -> Held:
    trained = weights + width + d_hidden
    return Held(trained, 0.0, fixed, trained, 2 * weights)
