"""Do experts specialise? Shared information between the family of a sample and its experts."""

import torch
from torch import Tensor


def normalised_mutual_information(joint: Tensor) -> float:
    """`2 I(G; E) / (H(G) + H(E))` of a table of counts or probabilities (G, E): in [0, 1].

    0 when families and experts are independent, 1 when each determines the other; 0 by
    convention when neither varies.

    >>> normalised_mutual_information(torch.tensor([[5, 0], [0, 5]]))
    1.0
    """
    p = joint.double() / joint.double().sum().clamp(min=torch.finfo(torch.double).tiny)
    rows, columns = (torch.special.entr(p.sum(dim=d)).sum() for d in (1, 0))
    information = rows + columns - torch.special.entr(p).sum()
    total = rows + columns
    if total <= 0:
        return 0.0
    return float((2 * information / total).clamp(0, 1))
