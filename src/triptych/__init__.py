"""Triptych: dense, sparse and mixture-of-experts networks compared under equal budgets."""

__version__ = "0.1.0"
