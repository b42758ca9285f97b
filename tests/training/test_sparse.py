import pytest
import torch

from triptych.sparse import SparseLinear

from .tiny import Diary, fit


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_no_training_revives_a_weight(optimizer: str) -> None:
    """Slide 5: after one step of Adam none of the weights was zero any more."""
    diary = Diary()
    module, data, runner = fit(
        "model=sparse", f"optimizer={optimizer}", max_epochs=3, gradient_clip_val=0.5,
        callbacks=[diary],
    )  # fmt: skip
    layers = [m for m in module.modules() if isinstance(m, SparseLinear)]
    assert len(layers) == 4
    for layer in layers:
        weight = layer.get_parameter("weight").detach()
        assert not weight[~layer.mask].any()
        assert int(torch.count_nonzero(weight)) == layer.nonzeros == 2048
    for epoch in diary.logged:
        assert epoch["val/density"] == 0.2
        densities = {k: v for k, v in epoch.items() if k.startswith("val/density/")}
        assert len(densities) == 4
        assert set(densities.values()) == {0.2}
    runner.test(module, data, verbose=False)
    assert [row["nonzeros"] for row in module.tables()["density"]] == [2048] * 4
