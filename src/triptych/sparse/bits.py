"""Masks as bits."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from triptych.errors import InvalidSetting


def packed(mask: Bool[Tensor, "..."]) -> UInt8[Tensor, " _"]:
    """Eight places to a byte, the first in the lowest bit; the last byte is filled with zeros.

    >>> packed(torch.tensor([[True, False, True], [False, False, False], [False, False, True]]))
    tensor([5, 1], dtype=torch.uint8)
    """
    flat = mask.flatten()
    padded = torch.cat([flat, flat.new_zeros(-len(flat) % 8)]).view(-1, 8)
    return (padded * _worths(mask.device)).sum(dim=1, dtype=torch.uint8)


def unpacked(bits: UInt8[Tensor, " _"], shape: Sequence[int]) -> Bool[Tensor, "..."]:
    """Of `packed(mask)` and the shape of the mask, the mask.

    Raises:
        InvalidSetting: if there are not as many bits as the shape needs.
    """
    places = math.prod(shape)
    if len(bits) != -(-places // 8):
        size = " x ".join(map(str, shape))
        raise InvalidSetting(f"{len(bits)} bytes of mask cannot be of {size}")
    flat = (bits[:, None] & _worths(bits.device)).flatten() != 0
    return flat[:places].view(*shape)


def _worths(device: torch.device) -> UInt8[Tensor, " 8"]:
    return 2 ** torch.arange(8, dtype=torch.uint8, device=device)
