"""An expert without a router."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from triptych.errors import InvalidSetting
from triptych.moe.experts.bank import ExpertBank
from triptych.types import Cost


@final
class SingleExpert(nn.Module):
    """The only expert of a bank, for every row: what a mixture of its kind is to be held against.

    Args:
        bank: of one expert.
    """

    def __init__(self, bank: ExpertBank) -> None:
        super().__init__()
        if len(bank.costs()) != 1:
            raise InvalidSetting(f"a single expert has no router: got {len(bank.costs())} experts")
        self.bank = bank

    def forward(self, x: Float[Tensor, "T D"]) -> Float[Tensor, "T O"]:
        """(T, D) -> (T, O)."""
        return self.bank.each()[0](x)

    def cost(self) -> Cost:
        """What the bank declares."""
        return self.bank.costs()[0]
