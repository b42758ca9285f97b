import pytest
import torch

from triptych.sparse import CSRLinear, uniform_mask
from triptych.sparse.kernels.csr import DENSER, PANEL


@pytest.mark.parametrize("density", [DENSER / 2, 2 * DENSER])
@pytest.mark.parametrize("rows", [PANEL - 1, PANEL, 2 * PANEL, 2 * PANEL + 3])
def test_the_gradient_of_the_values_is_that_of_the_dense_matrix_however_it_is_found(rows, density):
    """Sampled at low density, else picked out of a dense product, one panel of rows at a time."""
    mask = uniform_mask(rows, 20, 1 - density, torch.Generator().manual_seed(rows))
    mask[PANEL // 2 : PANEL + 1] = False  # a panel may be empty, and begin with empty rows
    mask[0] = True
    layer = CSRLinear(mask).double()
    x, grad = (torch.randn(70, width, dtype=torch.double) for width in (20, rows))
    layer(x).backward(grad)
    torch.testing.assert_close(layer.spread(layer.values.grad), (grad.T @ x) * mask)
