"""One number that tells whether masks are equal."""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Int
from torch import Tensor

LOW_34, LOW_37, LOW_33 = ((1 << bits) - 1 for bits in (34, 37, 33))


def fingerprint(masks: Iterable[Bool[Tensor, "_ _"]]) -> Int[Tensor, ""]:
    """64 bits from all masks of a net: the sum of a hash of each place that has a weight, modulo
    2^64. Each place of each layer has its own number, so the order of layers counts too."""
    before, total = 0, torch.zeros((), dtype=torch.int64)
    for mask in masks:
        places = mask.flatten().nonzero().flatten() + before
        total = total.to(mask.device) + _mixed(places).sum()
        before += mask.numel()
    return total


def _mixed(number: Int[Tensor, " Z"]) -> Int[Tensor, " Z"]:
    """SplitMix64: Steele, Lea and Flood 2014, figure 16. Its constants are written as signed
    numbers, and what a shift to the right brings in of the sign is cut off."""
    number = (number + 1) * -0x61C8864680B583EB
    number = (number ^ ((number >> 30) & LOW_34)) * -0x40A7B892E31B1A47
    number = (number ^ ((number >> 27) & LOW_37)) * -0x6B2FB644ECCEEE15
    return number ^ ((number >> 31) & LOW_33)
