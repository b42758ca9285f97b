"""Adds up what layers declare: parameters, active parameters, FLOPs."""

from triptych.cost.declared import declared_cost

__all__ = ["declared_cost"]
