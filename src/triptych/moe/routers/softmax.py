"""Top-k routers on softmax probabilities: the three ways that differ in what a gate is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from triptych.errors import IncompatibleSettings
from triptych.moe.routers.router import TopKRouter
from triptych.moe.routers.selection import Selection, softmax_topk
from triptych.moe.routing import Routing
from triptych.moe.scores import LinearScores, Scores


class Softmax(TopKRouter, ABC):
    """Softmax over all experts, then the K most probable; subclasses say what a gate is.

    Args:
        d_in: width D of a token.
        num_experts: E.
        top_k: K, experts per token.
        scores: makes the scoring net from (D, E).
        select: computes softmax and choice, such as `softmax_topk`.
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        scores: Callable[[int, int], Scores] = LinearScores,
        select: Selection = softmax_topk,
    ) -> None:
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)
        self.select = select

    @property
    @abstractmethod
    def renormalises(self) -> bool:
        """Whether gates are scaled to sum 1."""

    @final
    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """Gates from the probabilities of the chosen."""
        probs, gates, experts = self.select(logits, self.top_k, self.renormalises)
        return Routing(experts=experts, gates=gates, probs=probs, logits=logits)


@final
class SoftmaxTopK(Softmax):
    """For K > 1 the gates are renormalised to sum 1 (Shazeer et al. 2017, arXiv 1701.06538).

    For K = 1 the gate is the raw probability (Switch, arXiv 2101.03961, eq. 2): renormalised it
    would be 1, and the router without gradient.
    """

    @property
    def renormalises(self) -> bool:
        """For K > 1."""
        return self.top_k > 1


@final
class UnnormalisedTopK(Softmax):
    """A gate is the probability itself, so gates sum to less than 1.

    Switch (arXiv 2101.03961, eq. 2) for K = 1; OLMoE (arXiv 2409.02060) for K = 8.
    """

    @property
    def renormalises(self) -> bool:
        """Never."""
        return False


@final
class TopKSoftmax(TopKRouter):
    """The K largest scores, then softmax over these alone (Mixtral, arXiv 2401.04088, 2.1).

    Equal to `SoftmaxTopK` for K > 1, in exact arithmetic.

    Raises:
        IncompatibleSettings: if top_k is 1: the gate would always be 1, and the router without
            gradient from the task.
    """

    def __init__(
        self,
        d_in: int,
        num_experts: int,
        *,
        top_k: int,
        scores: Callable[[int, int], Scores] = LinearScores,
    ) -> None:
        super().__init__(d_in, num_experts, top_k=top_k, scores=scores)
        refuse_renormalised_top_1(top_k)

    def decide(
        self,
        x: Float[Tensor, "T D"],
        logits: Float[Tensor, "T E"],
        valid: Bool[Tensor, " T"] | None,
    ) -> Routing:
        """Gates from the scores of the chosen."""
        best, experts = torch.topk(logits, self.top_k, dim=-1)
        gates, probs = torch.softmax(best, dim=-1), torch.softmax(logits, dim=-1)
        return Routing(experts=experts, gates=gates, probs=probs, logits=logits)


def refuse_renormalised_top_1(top_k: int) -> None:
    """A single gate that is renormalised is 1 whatever the router says.

    Raises:
        IncompatibleSettings: if top_k is 1.
    """
    if top_k == 1:
        raise IncompatibleSettings(
            "top_k=1 with gates that are renormalised to sum 1 leaves the router without gradient:"
            " take model/router=topk (raw probability at top_k=1) or raise top_k"
        )
