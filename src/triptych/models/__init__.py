"""The classifiers: a backbone around one of the three panels."""

from triptych.models.backbones import Classifier, Notebook, Residual
from triptych.models.panels import DensePanel, MoEPanel, Panel, SparsePanel
from triptych.models.small_dense import SmallDensePanel

__all__ = [
    "Classifier",
    "DensePanel",
    "MoEPanel",
    "Notebook",
    "Panel",
    "Residual",
    "SmallDensePanel",
    "SparsePanel",
]
