"""Studies: what became of their runs, what that shows, and the page that says so."""

from triptych.report.study.build import StudyReport, build_study_report, print_study_report
from triptych.report.study.claims import check_claims

__all__ = ["StudyReport", "build_study_report", "check_claims", "print_study_report"]
