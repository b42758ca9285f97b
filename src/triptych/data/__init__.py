from triptych.data.attributes import AttributesData
from triptych.data.ceiling import Ceiling
from triptych.data.families import FAMILIES, Family
from triptych.data.loader import TensorBatches
from triptych.data.module import ClassificationData, Splits
from triptych.data.multimodal import MultimodalData
from triptych.data.scaling import Affine, Scaling, Standardize, Unscaled
from triptych.data.signals import Samples, make_signals

__all__ = [
    "FAMILIES",
    "Affine",
    "AttributesData",
    "Ceiling",
    "ClassificationData",
    "Family",
    "MultimodalData",
    "Samples",
    "Scaling",
    "Splits",
    "Standardize",
    "TensorBatches",
    "Unscaled",
    "make_signals",
]
