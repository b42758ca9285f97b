"""The arithmetic of `docs/scaling.md`; against real processes: `test_scaling_ranks.py`."""

import pytest

from triptych.cost import (
    AUTOCAST,
    MIXED,
    SINGLE,
    all_gather,
    all_reduce,
    counts,
    csr_block,
    ddp,
    dense_block,
    even_rows,
    exchange,
    expert_parallel,
    fsdp,
    masked_block,
    moe_block,
    one_device,
)

D, F, E, K = 4096, 16384, 64, 2
DENSE, MOE = dense_block(D, F), moe_block(D, F, E, K)
REACHED = 400e12  # FLOP/s
NODE, NETWORK = 450e9, 50e9  # bytes/s


@pytest.mark.parametrize("precision", [SINGLE, AUTOCAST, MIXED])
def test_a_parameter_takes_16_bytes(precision) -> None:
    assert one_device(DENSE, precision).memory == 16 * DENSE.total


@pytest.mark.parametrize("precision", [SINGLE, AUTOCAST, MIXED])
def test_buckets_take_nothing(precision) -> None:
    assert ddp(DENSE, precision, 8).memory == 16 * DENSE.total


def test_masks_and_indices_are_not_sent() -> None:
    sparse = csr_block(D, F, 0.1)
    assert ddp(sparse, SINGLE, 8).sent == all_reduce(4 * sparse.total, 8)


@pytest.mark.parametrize("strategy", [ddp, fsdp])
def test_a_single_device_sends_nothing(strategy) -> None:
    assert strategy(masked_block(D, F), SINGLE, 1).sent == 0


def test_an_all_reduce_sends_what_a_reduce_scatter_and_a_gather_do() -> None:
    assert all_reduce(800, 4) == 2 * all_gather(800, 4) == 1200


def test_fsdp_sends_half_as_much_again_as_ddp() -> None:
    assert fsdp(DENSE, MIXED, 64).sent == 1.5 * ddp(DENSE, MIXED, 64).sent


def test_fsdp_shares_everything_but_masks() -> None:
    whole, part = one_device(csr_block(D, F, 0.1), SINGLE), fsdp(csr_block(D, F, 0.1), SINGLE, 64)
    assert (part.weights, part.optimizer) == (whole.weights / 64, whole.optimizer / 64)
    assert part.fixed == whole.fixed > 2.9 * whole.weights


def test_experts_on_one_rank_are_ddp() -> None:
    assert expert_parallel(MOE, SINGLE, 8, 1, 0.0).sent == pytest.approx(ddp(MOE, SINGLE, 8).sent)


def test_experts_without_a_copy_send_no_gradients() -> None:
    spread = expert_parallel(MOE, SINGLE, 8, 8, 0.0)
    assert spread.sent == all_reduce(4 * MOE.common, 8)
    assert spread.weights == 4 * (MOE.common + MOE.experts / 8)


@pytest.mark.parametrize(
    ("gradient", "bandwidth", "tokens"),
    [(MIXED, NETWORK, 8_000), (SINGLE, NETWORK, 16_000), (MIXED, NODE, 889)],
)
def test_so_many_tokens_hide_the_all_reduce(gradient, bandwidth, tokens) -> None:
    sending = ddp(DENSE, gradient, 10**6).sent / bandwidth
    assert sending == pytest.approx(2 * DENSE.flops * tokens / REACHED, rel=1e-3)


def test_so_many_tokens_hide_it_for_a_mixture() -> None:
    sending = ddp(MOE, MIXED, 10**6).sent / NETWORK
    assert sending == pytest.approx(2 * MOE.flops * 256_000 / REACHED, rel=2e-3)


def test_so_many_tokens_hide_the_gathers() -> None:
    sending = fsdp(DENSE, MIXED, 10**6).sent / NETWORK
    assert sending == pytest.approx(3 * DENSE.flops * 8_000 / REACHED, rel=1e-3)


def per_token(precision) -> float:
    rows = even_rows(1, K, 10**9)
    return exchange(rows, rows, D, precision)


def test_a_token_sends_64_128_or_96_kibibytes_per_layer() -> None:
    sizes = [per_token(precision) / 1024 for precision in (MIXED, SINGLE, AUTOCAST)]
    assert sizes == pytest.approx([64, 128, 96])
    assert counts(E, 10**9) == pytest.approx(8 * E)


@pytest.mark.parametrize(
    ("hidden", "bandwidth", "ratio"),
    [(16384, NETWORK, 0.33), (16384, NODE, 0.04), (2048, NETWORK, 2.6), (2048, NODE, 0.29)],
)
def test_the_width_of_experts_decides_what_sending_costs(hidden, bandwidth, ratio) -> None:
    computing = 12 * K * D * hidden / REACHED
    assert per_token(MIXED) / bandwidth / computing == pytest.approx(ratio, abs=0.01)


def test_up_to_so_many_tokens_experts_send_less_than_fsdp() -> None:
    assert 786_000 * per_token(MIXED) == pytest.approx(fsdp(MOE, MIXED, 10**6).sent, rel=2e-3)
