"""Words that every floor shares. Dimension letters, used in all shape annotations:

B batch, T tokens, D width, F hidden, E experts, K top-k, C classes, O output width, G families.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one sample costs in a layer or net, as declared by the layer itself.

    Only matrix products count as FLOPs (2 per multiply-add, as `FlopCounterMode` counts);
    biases, activations and norms do not.

    Attributes:
        params_total: parameters that the net has (of a sparse layer: its non-zeros and biases).
        params_active: parameters that one sample meets, on average.
        flops: floating point operations that the architecture needs for one sample.
        flops_executed: what the kernel in use really multiplies (a masked product is dense).
    """

    params_total: float = 0.0
    params_active: float = 0.0
    flops: float = 0.0
    flops_executed: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.params_total + other.params_total,
            self.params_active + other.params_active,
            self.flops + other.flops,
            self.flops_executed + other.flops_executed,
        )

    def used(self, share: float) -> "Cost":
        """The cost of a part that only a `share` of the samples meets; it exists in full."""
        return Cost(
            self.params_total,
            self.params_active * share,
            self.flops * share,
            self.flops_executed * share,
        )
