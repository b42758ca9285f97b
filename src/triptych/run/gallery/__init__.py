from triptych.run.gallery.gallery import FULL, QUICK, Sizes, gallery

__all__ = ["FULL", "QUICK", "Sizes", "gallery"]
