"""All studies on one page, and the small table that advice reads."""

from triptych.report.overview.build import Overview, build_overview

__all__ = ["Overview", "build_overview"]
