"""The classifiers: a backbone around one of the panels."""

from triptych.models.backbones import Classifier, Notebook, Residual, dense_stem, panel_stem
from triptych.models.big_dense import BigDensePanel
from triptych.models.panels import DensePanel, MoEPanel, Panel, SparsePanel, Unrouted
from triptych.models.single import SingleExpertPanel
from triptych.models.small_dense import SmallDensePanel
from triptych.models.sparse_panels import Controlled, ControllerPanel, MonarchPanel

__all__ = [
    "BigDensePanel",
    "Classifier",
    "Controlled",
    "ControllerPanel",
    "DensePanel",
    "MoEPanel",
    "MonarchPanel",
    "Notebook",
    "Panel",
    "Residual",
    "SingleExpertPanel",
    "SmallDensePanel",
    "SparsePanel",
    "Unrouted",
    "dense_stem",
    "panel_stem",
]
