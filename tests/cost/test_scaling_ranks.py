"""The formulas of `docs/scaling.md` against what two and four processes hold and send."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from triptych.cost import (
    AUTOCAST,
    SINGLE,
    Held,
    PerDevice,
    Precision,
    counts,
    csr_block,
    ddp,
    dense_block,
    exchange,
    expert_parallel,
    fsdp,
    masked_block,
    moe_block,
)

from ..processes import together
from .ranks import (
    CASES,
    CLASSES,
    CSR,
    D_IN,
    DEPTH,
    EXPERT,
    EXPERTS,
    FFN,
    HIDDEN,
    MASKED,
    MIXTURE,
    SPARSITY,
    WIDTH,
    Case,
    found,
)

pytestmark = pytest.mark.slow
each_case = pytest.mark.parametrize(("name", "world"), CASES)

BLOCKS = {
    FFN: dense_block(WIDTH, HIDDEN),
    MASKED: masked_block(WIDTH, HIDDEN),
    CSR: csr_block(WIDTH, HIDDEN, 1 - SPARSITY),
    MIXTURE: moe_block(WIDTH, EXPERT, EXPERTS, top_k=2),
}
AROUND = Held((D_IN + 1) * WIDTH + (DEPTH + 1) * 2 * WIDTH + (WIDTH + 1) * CLASSES)
# Gloo's headers, sums for logs and balance, and the root of an FSDP net, which is gathered once.
TOLERANCE = 0.01


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], list[Any]]:
    """Of each rank, by case."""
    seen: dict[tuple[str, int], list[Any]] = {}
    for world in (2, 4):
        ranks = together(found, world, tmp_path_factory.mktemp(f"ranks{world}"))
        seen |= {(name, world): [each[name] for each in ranks] for name in ranks[0]}
    return seen


def expected(case: Case, ranks: list[Any], rank: int) -> PerDevice:
    """By the formulas, and by where the tokens of each rank went."""
    net, world = BLOCKS[case.model].times(DEPTH) + AROUND, len(ranks)
    if case.strategy == "fsdp":
        return fsdp(net, SINGLE, world)
    if case.strategy == "ddp":
        return ddp(net, SINGLE, world)
    size = int(case.strategy)
    # Norms give half precision on a CPU under autocast, single on a GPU.
    precision = SINGLE if case.precision == "32-true" else replace(AUTOCAST, row=2)
    rows = DEPTH * counts(EXPERTS, size) + exchanged(ranks, rank, size, precision)
    return expert_parallel(net, precision, world, size, rows)


def exchanged(ranks: list[Any], rank: int, size: int, precision: Precision) -> float:
    """Of all layers, by where the tokens of each rank in the group of `size` went."""
    first = rank - rank % size
    loads = torch.stack([torch.stack(one["loads"]).sum(0) for one in ranks[first : first + size]])
    own = loads[:, rank % size * EXPERTS // size : (rank % size + 1) * EXPERTS // size].sum(1)
    here = own[rank % size]
    leaving, arriving = int(loads[rank % size].sum() - here), int(own.sum() - here)
    return exchange(leaving, arriving, WIDTH, precision)


@each_case
def test_a_device_holds_what_the_formulas_say(measured: Any, name: str, world: int) -> None:
    ranks = measured[name, world]
    for rank, seen in enumerate(ranks):
        wanted = expected(CASES[name, world], ranks, rank)
        kinds = ["weights", "gradients", "optimizer", "fixed"]
        kinds += ["working"] * (CASES[name, world].strategy != "fsdp")  # there an estimate
        assert {k: seen[k] for k in kinds} == {k: getattr(wanted, k) for k in kinds}


@each_case
def test_a_device_sends_what_the_formulas_say(measured: Any, name: str, world: int) -> None:
    case, ranks = CASES[name, world], measured[name, world]
    for rank, seen in enumerate(ranks):
        wanted = expected(case, ranks, rank)
        sent = wanted.sent
        if case.strategy == "fsdp":  # gloo computes a reduce-scatter as an all-reduce
            sent += wanted.sent_gradients
        assert seen["sent"] == pytest.approx(sent, rel=TOLERANCE)


@pytest.mark.parametrize("world", [2, 4])
def test_rows_that_leave_in_single_precision_are_answered_in_half(
    measured: Any, world: int
) -> None:
    ranks = measured["layer alone", world]
    for rank, seen in enumerate(ranks):
        rows = exchanged(ranks, rank, world, AUTOCAST)
        assert seen["sent"] == pytest.approx(rows + counts(EXPERTS, world), rel=TOLERANCE)


@each_case
def test_what_is_checked_is_not_lost_in_the_tolerance(measured: Any, name: str, world: int) -> None:
    """Each kind of bytes that a case is about is at least ten times what the check lets pass, and
    so are buffers, which must not be sent."""
    ranks = measured[name, world]
    wanted = expected(CASES[name, world], ranks, 0)
    kinds = {"ddp": ["sent_gradients"], "fsdp": ["sent_gradients", "sent_weights"]}
    for kind in kinds.get(str(CASES[name, world].strategy), ["sent_rows"]):
        assert getattr(wanted, kind) > 10 * TOLERANCE * wanted.sent
    assert not wanted.fixed or wanted.fixed > 10 * TOLERANCE * wanted.sent
