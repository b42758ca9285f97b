from triptych.data.attributes import AttributesData
from triptych.data.ceiling import Ceiling
from triptych.data.cluster_labels import ClusterLabels, KnownClusters, ShuffledClusters
from triptych.data.clusters import ClustersData
from triptych.data.families import FAMILIES, Family
from triptych.data.loader import TensorBatches
from triptych.data.memmap import MemmapData, write_names, write_split
from triptych.data.module import ClassificationData, InMemoryData, Splits
from triptych.data.multimodal import MultimodalData
from triptych.data.patches import PatchesData
from triptych.data.scaling import Affine, CommonScale, Scaling, Standardize, Unscaled
from triptych.data.signals import Samples, make_signals
from triptych.data.support import SupportData
from triptych.data.two_features import TwoFeaturesData

__all__ = [
    "FAMILIES",
    "Affine",
    "AttributesData",
    "Ceiling",
    "ClassificationData",
    "ClusterLabels",
    "ClustersData",
    "CommonScale",
    "Family",
    "InMemoryData",
    "KnownClusters",
    "MemmapData",
    "MultimodalData",
    "PatchesData",
    "Samples",
    "Scaling",
    "ShuffledClusters",
    "Splits",
    "Standardize",
    "SupportData",
    "TensorBatches",
    "TwoFeaturesData",
    "Unscaled",
    "make_signals",
    "write_names",
    "write_split",
]
