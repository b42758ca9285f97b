"""R equal nets, each with its own numbers, as one batched program. Knows nothing of Lightning."""

from triptych.replicas.layers import StackedMasked
from triptych.replicas.looped import Chances
from triptych.replicas.mixture import of_replica
from triptych.replicas.stack import held, link, stack
from triptych.replicas.stacked import Held, Stacked

__all__ = ["Chances", "Held", "Stacked", "StackedMasked", "held", "link", "of_replica", "stack"]
