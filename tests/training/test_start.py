"""Masks that are chosen before a training, through the real modules."""

import shutil
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import OmegaConf

from triptych.data import ClassificationData
from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.training import ClassifierModule

from ..composed import CONF
from .tiny import Diary, pair, trainer

MASKS = CONF / "model" / "mask"
STARTS = sorted(path.stem for path in MASKS.glob("*.yaml") if "start" in OmegaConf.load(path))
each_start = pytest.mark.parametrize("start", STARTS)


def options(start: str, folder: Path, *others: str) -> tuple[str, ...]:
    """What chooses the start, with the checkpoint of a sparse net if it wants one."""
    chosen = (f"model/mask={start}", *others)
    if "checkpoint" not in OmegaConf.load(MASKS / f"{start}.yaml").start:
        return chosen
    file = folder / "masks" / "a.ckpt"
    file.parent.mkdir(exist_ok=True)
    trained, _ = begun("model/mask=synflow", "model/kernel=csr", *others)
    torch.save({"state_dict": trained.state_dict()}, file)
    return (*chosen, f"model.mask.start.checkpoint={file}")


def begun(*overrides: str) -> tuple[ClassifierModule, ClassificationData]:
    module, data = pair("model=sparse", *overrides)
    module.begin(lambda: (data.splits.train.x, data.splits.train.y))
    return module, data


@each_start
def test_a_training_keeps_the_chosen_masks_and_all_kernels_take_the_same_path(start, tmp_path):
    """4 layers of 10240 places, at 80 %: 8192 weights in all, not 2048 in each."""
    nets = []
    for kernel in ("masked", "csr"):
        module, data = begun(
            *options(start, tmp_path, "model.dropout=0.0"), f"model/kernel={kernel}"
        )
        chosen = {name: layer.mask.clone() for name, layer in module.sparse_layers().items()}
        assert sum(int(mask.sum()) for mask in chosen.values()) == 8192
        assert len({int(mask.sum()) for mask in chosen.values()}) > 1
        diary = Diary()
        runner = trainer([diary], max_epochs=2, precision="64-true")
        runner.fit(module, data)
        assert diary.logged[0]["val/density"] == pytest.approx(0.2)
        assert runner.optimizers[0].param_groups[0]["params"] == list(module.parameters())
        for name, layer in module.sparse_layers().items():
            assert torch.equal(layer.mask, chosen[name]), name
        nets.append(module.sparse_layers())
    for name, reference in nets[0].items():
        assert torch.equal(nets[1][name].mask, reference.mask), name
        torch.testing.assert_close(nets[1][name].matrix(), reference.matrix(), rtol=1e-6, atol=1e-8)


@each_start
@pytest.mark.parametrize("kernel", ["masked", "csr", "auto"])
def test_a_module_built_from_the_settings_alone_takes_the_checkpoint(start, kernel, tmp_path):
    """As eval.py does: without the samples that chose the masks."""
    settings = (*options(start, tmp_path), f"model/kernel={kernel}")
    module, data = begun(*settings)
    saved = ModelCheckpoint(dirpath=tmp_path / "saved", save_last=True)
    runner = trainer([saved], max_epochs=2, enable_checkpointing=True)
    runner.fit(module, data)
    (wanted,) = runner.test(module, data, verbose=False)
    shutil.rmtree(tmp_path / "masks", ignore_errors=True)  # where masks were taken from
    again, _ = pair("model=sparse", *settings)
    assert again.sparse_layers()["blocks.block_0.net.chain.0"].density == 1.0
    content = torch.load(Path(saved.last_model_path), weights_only=True)
    again.load_state_dict(content["state_dict"])
    assert trainer().test(again, data, verbose=False) == [wanted]
    assert vars(again.cost()) == vars(module.cost())


@each_start
def test_the_choice_is_the_same_on_every_rank_and_moves_no_random_number(start, tmp_path):
    chosen = options(start, tmp_path)
    first, _ = begun(*chosen)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    second, data = pair("model=sparse", *chosen)
    torch.set_rng_state(state)
    second.begin(lambda: (data.splits.train.x, data.splits.train.y))
    assert torch.equal(torch.get_rng_state(), state)
    assert first.training
    assert second.training
    for (name, one), two in zip(
        first.state_dict().items(), second.state_dict().values(), strict=True
    ):
        assert torch.equal(one, two), name
    assert [n for n, p in second.named_parameters() if p.grad is not None] == []


@pytest.mark.parametrize("model", [["model=ffn"], ["model=sparse"], ["model=moe"]], ids=str)
def test_other_modules_begin_without_looking_at_samples(model):
    def samples():
        raise AssertionError("nobody asked")

    module, _ = pair(*model)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.begin(samples)
    assert all(torch.equal(v, before[name]) for name, v in module.state_dict().items())


@each_start
def test_masks_may_move_from_where_they_were_chosen(start, tmp_path):
    settings = ("model/rule=rigl", "model.rule.every=3", "model/kernel=csr", "optimizer.fused=null")
    module, data = begun(*options(start, tmp_path), *settings)
    before = {name: layer.mask.clone() for name, layer in module.sparse_layers().items()}
    trainer(max_epochs=3).fit(module, data)
    after = module.sparse_layers()
    assert not all(torch.equal(mask, after[name].mask) for name, mask in before.items())
    assert sum(layer.nonzeros for layer in after.values()) == 8192


@each_start
@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ("block", "model/kernel=block needs a mask of whole blocks"),
        ("narrow", "model/kernel=narrow needs a mask of whole rows"),
        ("semi_structured", "model/kernel=semi_structured needs at most two weights"),
        ("straight_through", "model/kernel=straight_through trains weights outside of its masks"),
    ],
)
def test_other_kernels_are_refused_in_one_line_before_there_is_any_data(
    start, kernel, words, tmp_path
):
    chosen = options(start, tmp_path)
    with pytest.raises(IncompatibleSettings, match=words) as caught:
        pair("model=sparse", *chosen, f"model/kernel={kernel}")
    assert "\n" not in str(caught.value)


def test_a_layer_that_would_be_empty_is_refused_by_its_name():
    with pytest.raises(InvalidSetting, match=r"layer collapse: .*sparsity=0.9999 .*blocks\.block_"):
        begun("model/mask=snip", "model.sparsity=0.9999")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("null", "model/mask=shuffled needs model.mask.start.checkpoint=RUN"),
        ("nowhere.ckpt", "model.mask.start.checkpoint=nowhere.ckpt: there is no such file"),
    ],
)
def test_a_start_without_its_checkpoint_is_refused_before_there_is_any_data(path, words):
    module, _ = pair("model=sparse", "model/mask=shuffled", f"model.mask.start.checkpoint={path}")

    def samples():
        raise AssertionError("too early")

    with pytest.raises(InvalidSetting, match=words) as caught:
        module.begin(samples)
    assert "\n" not in str(caught.value)
