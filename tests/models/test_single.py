from triptych.cost import declared_cost
from triptych.moe import MoE

from ..built import network


def test_a_block_is_one_expert_of_the_mixture_of_the_same_settings() -> None:
    for sizes in ((), ("model/experts=stacked_swiglu", "model.d_hidden=5")):
        single, moe = network("model=single", *sizes), network("model=moe", *sizes)
        experts = [m.experts.costs()[0] for m in moe.modules() if isinstance(m, MoE)]
        blocks = single.get_submodule("blocks").children()
        assert [declared_cost(block) for block in blocks] == experts


def test_the_nets_of_the_patches_have_the_filters_of_their_paper() -> None:
    """Chen et al. 2022: 8 experts of 8 filters for each output; here 4 patches of 8 features."""
    single, moe = network("model=patches_single"), network("model=patches_moe")
    outputs = 4
    filters = 8 * outputs * 8
    assert declared_cost(single).params_total == filters
    assert declared_cost(single).flops == 2 * 4 * filters  # each patch meets each filter
    router = 8 * 8
    assert declared_cost(moe).params_total == router + 8 * filters
    assert declared_cost(moe).flops == 2 * router + declared_cost(single).flops
