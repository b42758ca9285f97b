from triptych.report.gallery.architecture import Part
from triptych.report.gallery.build import build_gallery
from triptych.report.gallery.counts import Count
from triptych.report.gallery.material import Material, Measured
from triptych.report.gallery.regions import Region
from triptych.report.gallery.tasks import Alone
from triptych.report.gallery.timing import Timing

__all__ = ["Alone", "Count", "Material", "Measured", "Part", "Region", "Timing", "build_gallery"]
