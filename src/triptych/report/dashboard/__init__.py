"""The local dashboard: any number of runs on one page, without an account or a server."""

from triptych.report.dashboard.build import Dashboard, build_dashboard
from triptych.report.dashboard.opening import open_page
from triptych.report.dashboard.watch import watch

__all__ = ["Dashboard", "build_dashboard", "open_page", "watch"]
