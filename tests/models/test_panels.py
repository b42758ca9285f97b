import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from triptych.errors import InvalidSetting
from triptych.models import DensePanel, SparsePanel
from triptych.sparse import MaskedLinear, SparseLinear, uniform_masks


def panel(seed: int = 0, d_hidden: int = 8, sparsity: float = 0.5) -> SparsePanel:
    return SparsePanel(d_hidden, 0.0, sparsity, uniform_masks, MaskedLinear, seed)


def masks(net: nn.Module) -> list[torch.Tensor]:
    return [m.mask for m in net.modules() if isinstance(m, SparseLinear)]


CODE = """
from triptych.models import SparsePanel
from triptych.sparse import MaskedLinear, uniform_masks
block = SparsePanel(8, 0.0, 0.5, uniform_masks, MaskedLinear, 0).block(8, "block_0")
print([m.mask.int().tolist() for m in block.modules() if isinstance(m, MaskedLinear)])
"""


def test_the_same_seed_gives_the_same_masks_in_a_fresh_process():
    """A salted hash of the layer's name would give each rank of a run its own masks."""
    wanted = [mask.int().tolist() for mask in masks(panel().block(8, "block_0"))]
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=environment
    )
    assert json.loads(done.stdout) == wanted


def test_each_layer_block_and_seed_has_masks_of_its_own():
    drawn = [
        tuple(mask.flatten().tolist())
        for seed in range(3)
        for name in ("block_0", "block_1")
        for mask in masks(panel(seed).block(8, name))
    ]
    assert len(set(drawn)) == 3 * 2 * 2


def test_masks_do_not_depend_on_the_global_generator_nor_on_other_layers():
    """N21 of the source study: leaving out one net changed the other."""
    torch.manual_seed(0)
    alone = masks(panel().block(8, "block_1"))
    torch.manual_seed(1)
    panel().block(8, "block_0")
    for first, second in zip(alone, masks(panel().block(8, "block_1")), strict=True):
        assert torch.equal(first, second)


def test_the_whole_net_is_sparse_but_for_its_head():
    net = panel(sparsity=0.75).net(32, 4)
    linear = [m for m in net.modules() if isinstance(m, nn.Linear | SparseLinear)]
    assert [type(m) for m in linear] == [MaskedLinear] * 3 + [nn.Linear]
    assert [m.nonzeros for m in linear[:3]] == [32 * 8 // 4, 8 * 8 // 4, 8 * 4 // 4]
    assert [tuple(m.weight.shape) for m in linear] == [(8, 32), (8, 8), (4, 8), (4, 4)]


def test_without_sparsity_the_panel_is_the_dense_one():
    dense, sparse = DensePanel(8, 0.0).net(32, 4), panel(sparsity=0.0).net(32, 4)
    weights = {k: v for k, v in sparse.state_dict().items() if not k.endswith("live")}
    dense.load_state_dict(weights)
    x = torch.randn(5, 32)
    assert torch.equal(dense(x)[0], sparse(x)[0])
    assert dense(x)[1] is None


@pytest.mark.parametrize(("d_hidden", "dropout"), [(1, 0.0), (0, 0.0), (8, 1.0), (8, -0.1)])
def test_sizes_that_no_panel_can_have_are_named(d_hidden, dropout):
    with pytest.raises(InvalidSetting, match=r"d_hidden|dropout"):
        DensePanel(d_hidden, dropout)
    with pytest.raises(InvalidSetting, match=r"d_hidden|dropout"):
        SparsePanel(d_hidden, dropout, 0.5, uniform_masks, MaskedLinear, 0)
