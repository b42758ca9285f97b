import pytest
import torch
from lightning import Trainer

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.run.build import (
    build_data,
    build_module,
    build_named,
    build_trainer,
    construct,
    rehearse,
)
from triptych.training import ControllerModule, FFNModule, MoEModule, SparseModule

from ..built import module
from ..composed import composed


@pytest.mark.parametrize(
    ("panel", "kind"),
    [
        ("ffn", FFNModule),
        ("sparse", SparseModule),
        ("moe", MoEModule),
        ("controller", ControllerModule),
        ("monarch", FFNModule),
    ],
)
def test_each_panel_has_its_module_with_what_the_data_say(panel: str, kind: type) -> None:
    config = composed(f"model={panel}", "data.seq_len=20")
    data = build_data(config)
    built = build_module(config, data)
    assert type(built) is kind
    assert (built.classes, built.families) == (data.classes, data.families)
    logits, _ = built.network(torch.zeros(2, 20))
    assert logits.shape == (2, len(data.classes))


def test_the_optimizer_holds_every_parameter_of_the_net() -> None:
    """N13 of the source study gave its arms different learning rates; here it is one knob."""
    built = module("model=moe", "model.lr=0.07")
    optimizer = built.configure_optimizers()["optimizer"]
    (group,) = optimizer.param_groups
    assert group["lr"] == 0.07
    assert {id(p) for p in group["params"]} == {id(p) for p in built.network.parameters()}


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        (["model=moe", "model.top_k=9"], IncompatibleSettings, "top_k .*num_experts=8.* got 9"),
        (["model=moe", "model.top_k=0"], InvalidSetting, "top_k must be at least 1"),
        (["model=moe", "model.num_experts=0"], InvalidSetting, "num_experts must be at least 1"),
        (["model=moe", "model.d_hidden=0"], InvalidSetting, "d_hidden must be at least 1"),
        (["model=moe", "model.dropout=1.5"], InvalidSetting, "dropout must be in"),
        (["model=moe", "model.balance_coef=-1"], InvalidSetting, "balance_coef must not be"),
        (["model=sparse", "model.sparsity=1.0"], InvalidSetting, "sparsity must be in"),
        (["model=sparse", "model.dropout=-1"], InvalidSetting, "dropout must be in"),
        (["model=ffn", "model.d_hidden=1"], InvalidSetting, "d_hidden must be at least 2"),
        (["model=ffn", "model.backbone.build.depth=0"], InvalidSetting, "depth must be at least"),
        (["model=controller", "model.block=7"], IncompatibleSettings, "d_hidden=320 .* take .*322"),
        (["model=controller", "model.rank=0"], InvalidSetting, "model.rank must be at least 1"),
        (
            ["model=controller", "model.temperature=0.0"],
            InvalidSetting,
            "model.temperature must be",
        ),
        (
            ["model=controller", "model.hard_share=2.0"],
            InvalidSetting,
            "model.hard_share must be in",
        ),
        (["model=monarch", "model.blocks=3"], IncompatibleSettings, "model.blocks=3 must divide"),
        (["model=monarch", "model.d_hidden=1"], InvalidSetting, "d_hidden must be at least 2"),
        (["model=gshard", "model.top_k=1"], IncompatibleSettings, "top_k must be 2, got 1"),
        (["model=moe", "model/router=base"], IncompatibleSettings, "top_k must be 1, got 2"),
    ],
    ids=str,
)
def test_a_wrong_number_is_one_plain_line_before_training(
    overrides: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        module(*overrides)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_a_fault_of_the_program_keeps_its_own_error() -> None:
    with pytest.raises(InvalidSetting, match=r"^model\.panel: .*'dropout'"):
        construct({"_target_": "triptych.models.DensePanel", "d_hidden": 8}, "model.panel")


def test_null_leaves_a_named_node_out() -> None:
    node = {"_target_": "builtins.dict", "a": 1}
    assert build_named({"one": node, "two": None}, "logger") == {"one": {"a": 1}}


def test_without_loggers_the_trainer_logs_nothing(tmp_path) -> None:
    runner = build_trainer(composed("trainer=cpu"), [], [], str(tmp_path))
    assert isinstance(runner, Trainer)
    assert runner.loggers == []
    assert runner.gradient_clip_val == 1.0
    assert runner.max_epochs == 40


def test_signals_of_any_length_fit_the_net() -> None:
    """N18 of the source study: the length of a signal was not wired to the net."""
    for length in (8, 64):
        config = composed("model=notebook_moe", f"data.seq_len={length}")
        built = build_module(config, build_data(config))
        assert built.network(torch.zeros(3, length))[0].shape == (3, 4)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model/balance=importance_load"], "importance_load needs a router with noise"),
        (
            ["model/dispatch=grouped", "model/experts=specialists"],
            "Specialists are no stacked MLPs",
        ),
        (["model/dispatch=grouped", "model.d_hidden=33"], "width 33 .* no multiple of 16 bytes"),
    ],
    ids=str,
)
def test_parts_that_cannot_work_together_are_one_plain_line_before_training(
    overrides: list[str], words: str
) -> None:
    with pytest.raises(IncompatibleSettings, match=words) as caught:
        module("model=moe", *overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", [["model=ffn"], ["model=gshard"], ["model=deepseek"]], ids=str)
def test_the_rehearsal_leaves_no_trace(model: list[str]) -> None:
    built = module(*model)
    assert built.training
    assert [value for value in vars(built).values() if isinstance(value, list) and value] == [
        built.classes,
        built.families,
    ]
    before = {name: value.clone() for name, value in built.state_dict().items()}
    random = torch.get_rng_state()
    rehearse(built, 32)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in built.state_dict().items())
    assert [name for name, p in built.named_parameters() if p.grad is not None] == []
