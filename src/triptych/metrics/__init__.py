"""What is measured: torchmetrics with sum states, right under DDP, and pure functions on counts."""

from triptych.metrics.classification import ClassificationMetrics, LossAccuracy
from triptych.metrics.density import layer_densities
from triptych.metrics.load import dead_experts, gini, max_load, normalised_entropy
from triptych.metrics.routing import RoutingMetrics
from triptych.metrics.specialisation import normalised_mutual_information

__all__ = [
    "ClassificationMetrics",
    "LossAccuracy",
    "RoutingMetrics",
    "dead_experts",
    "gini",
    "layer_densities",
    "max_load",
    "normalised_entropy",
    "normalised_mutual_information",
]
