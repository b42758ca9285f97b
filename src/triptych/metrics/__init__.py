"""What is measured: torchmetrics with sum states, right under DDP, and pure functions on counts."""

from triptych.metrics.choice import ChoiceMetrics
from triptych.metrics.churn import RoutingChurn
from triptych.metrics.classification import ClassificationMetrics, LossAccuracy
from triptych.metrics.connections import connections, followers
from triptych.metrics.density import density_of_all_parameters, labelled_layers, layer_densities
from triptych.metrics.explored import MaskHistory
from triptych.metrics.load import dead_experts, drop_rate, gini, max_load, normalised_entropy
from triptych.metrics.routing import RoutingMetrics
from triptych.metrics.specialisation import normalised_mutual_information
from triptych.metrics.tally import LoadTally

__all__ = [
    "ChoiceMetrics",
    "ClassificationMetrics",
    "LoadTally",
    "LossAccuracy",
    "MaskHistory",
    "RoutingChurn",
    "RoutingMetrics",
    "connections",
    "dead_experts",
    "density_of_all_parameters",
    "drop_rate",
    "followers",
    "gini",
    "labelled_layers",
    "layer_densities",
    "max_load",
    "normalised_entropy",
    "normalised_mutual_information",
]
