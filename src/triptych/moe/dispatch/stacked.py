"""What dispatches share that run all experts at once."""

from triptych.errors import IncompatibleSettings
from triptych.moe.experts.bank import ExpertBank
from triptych.moe.experts.stacked import StackedMLP


def need_stacked(experts: ExpertBank, dispatch: str) -> StackedMLP:
    """The bank, if its experts are stacked MLPs.

    Raises:
        IncompatibleSettings: if they are not.
    """
    if isinstance(experts, StackedMLP):
        return experts
    raise IncompatibleSettings(
        f"model/dispatch={dispatch} runs equal experts in one product, and"
        f" {type(experts).__name__} are no stacked MLPs: take model/dispatch=loop"
    )
