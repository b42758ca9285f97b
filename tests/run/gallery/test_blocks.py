"""What is counted without memory is what nets have that were built."""

from functools import partial

import pytest

from triptych.cost import declared_cost
from triptych.run.gallery.blocks import TIMED, counts, dense, experts, slide_counts, sparse, timings
from triptych.sparse import MaskedLinear


def test_counted_blocks_have_what_built_ones_have():
    panels = {"ffn": dense, "sparse": partial(sparse, kernel=MaskedLinear), "moe": experts}
    counted = {count.subject: (count.total, count.active) for count in counts([24])}
    built = {name: declared_cost(panel(24).block(24, "block")) for name, panel in panels.items()}
    assert counted == {
        name: (cost.params_total, cost.params_active) for name, cost in built.items()
    }


def test_experts_have_about_as_many_active_parameters_as_the_dense_block():
    ffn, moe = (next(c for c in counts([512]) if c.subject == s) for s in ("ffn", "moe"))
    assert moe.active == pytest.approx(ffn.active, rel=0.01)
    assert moe.total > 3.9 * moe.active


def test_a_net_of_thirty_gigabytes_is_counted_without_them():
    assert [int(count.total) for count in slide_counts([100, 100_000])] == [8_110, 7_500_600_010]


def test_every_block_is_timed_at_every_width_as_often():
    found = timings([8, 16], rounds=3)
    assert {(t.subject, t.width) for t in found} == {(s, w) for s in TIMED for w in (8, 16)}
    assert all(len(t.seconds) == 3 and min(t.seconds) > 0 for t in found)
