"""Real files: every format of nets with every kind of mask, their sizes, and what is refused."""

import copy
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from triptych.errors import IncompatibleSettings, InvalidSetting
from triptych.sparse import (
    FORMATS,
    BlockLinear,
    CSRLinear,
    MaskedLinear,
    SparseLinear,
    dense_network,
    export_of,
    load_export,
    uniform_mask,
    verify_export,
    write_export,
)

from ...built import CLASSES, D_IN, module, signals
from ...composed import CONF
from ..kernels.test_agreement import CASES, kernel, mask_of

# Shuffled masks are masks by lot of another net, whose checkpoint they need.
MASKS = sorted({p.stem for p in (CONF / "model" / "mask").glob("*.yaml")} - {"shuffled"})
BACKBONES = ("residual", "notebook")


def trained(*overrides: str) -> nn.Module:
    """As after a training: no bias is what it was, and a weight that exists is zero."""
    sparsity = "model.sparsity=0.5" if "model/mask=two_four" in overrides else "model.sparsity=0.75"
    whole = copy.deepcopy(module("model=sparse", sparsity, *overrides))
    whole.begin(lambda: (signals(64), torch.arange(64) % CLASSES))
    net = whole.network
    for layer in net.modules():
        if isinstance(layer, SparseLinear):
            with torch.no_grad():
                layer.bias.add_(0.1)
                layer.weights.view(-1)[layer.weights.view(-1).nonzero()[:1]] = 0.0
    return net.eval()


def written(net: nn.Module, form: str, folder: Path, block: int | None = None) -> Path:
    file = folder / f"net.{form}.safetensors"
    write_export(export_of(net, form, block), file, lambda _: None)
    return file


def logits(net: nn.Module) -> Tensor:
    x = signals(100).to(next(net.parameters()).dtype)
    return net(x)[0]


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_net_comes_back_from_each_format_that_can_hold_it(form, mask, backbone, tmp_path):
    net = trained(f"model/mask={mask}", f"model/backbone={backbone}")
    if form == "block" and mask != "block":
        with pytest.raises(IncompatibleSettings, match="not made of whole blocks"):
            export_of(net, form)
        return
    file = written(net, form, tmp_path)
    agreement = verify_export(net, file, logits)
    assert agreement.difference <= (1e-5 if form == "narrow" else 0.0)
    again = dense_network(net, load_export(file))
    assert not any(isinstance(m, SparseLinear) for m in again.modules())
    assert not again.training
    assert logits(again).shape == (100, CLASSES)
    torch.testing.assert_close(logits(again), logits(net), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_it_does_not_matter_which_kernel_computed_the_net(name, kind, form, tmp_path):
    chain = [
        kernel(name, mask_of(kind, 4, 2, 0.5)),
        nn.ReLU(),
        kernel(name, mask_of(kind, 3, 4, 0.5)),
    ]
    net = nn.Sequential(*chain).double()
    if form == "block" and kind != "blocks":
        with pytest.raises(IncompatibleSettings, match="not made of whole blocks"):
            export_of(net, form)
        return
    x = torch.randn(70, 8, dtype=torch.double)
    agreement = verify_export(net, written(net, form, tmp_path), lambda any_net: any_net(x))
    assert agreement.difference <= 1e-14


@pytest.mark.parametrize("form", FORMATS)
def test_a_net_in_half_precision_keeps_its_precision(form, tmp_path):
    net = trained("model/mask=block").to(torch.bfloat16)
    file = written(net, form, tmp_path)
    assert {v.dtype for v in load_export(file).values()} == {torch.bfloat16}
    if form != "narrow":
        assert verify_export(net, file, logits).difference == 0


@pytest.mark.parametrize(
    ("form", "sparsity"), [("csr", 0.55), ("csr", 0.9), ("bitmask", 0.05), ("bitmask", 0.9)]
)
def test_a_file_is_smaller_than_dense_and_holds_no_more_than_its_tensors(form, sparsity, tmp_path):
    """csr: 8 bytes a weight + 4 (O + 1) < 4 O D; bitmask: 4 bytes a weight + O D / 8 < 4 O D."""
    net = nn.Sequential(CSRLinear(uniform_mask(256, 300, sparsity, torch.Generator())))
    dense, small = (written(net, f, tmp_path).stat().st_size for f in ("dense", form))
    assert small < dense
    weights = round((1 - sparsity) * 256 * 300)
    beside = 4 * 257 if form == "csr" else 256 * 300 // 8
    exact = weights * (8 if form == "csr" else 4) + beside + 4 * 256
    assert exact < small < exact + 600  # the header


def test_the_file_says_what_it_is_and_names_every_tensor_as_described(tmp_path):
    net = trained()
    file = written(net, "csr", tmp_path)
    with safe_open(file, framework="np") as content:
        about = json.loads(content.metadata()["triptych"])
        names = set(content.keys())
    assert (about["schema"], about["format"]) == (1, "csr")
    name = "blocks.block_0.net.chain.0"
    assert about["layers"][name] == {"shape": [320, D_IN], "nonzeros": 2560}
    parts = {n.removeprefix(f"{name}.") for n in names if n.startswith(f"{name}.")}
    assert parts == {"values", "columns", "starts", "bias"}
    assert "stem.weight" in names


def test_narrow_says_what_it_was(tmp_path):
    net = trained("model/mask=block", "model.sparsity=0.9")
    layers = export_of(net, "narrow").layers
    up, down = (layers[f"blocks.block_0.net.chain.{i}"] for i in (0, 3))
    assert (up["before"], down["before"]) == ([320, 32], [32, 320])
    assert up["shape"][0] == down["shape"][1] < 320


@pytest.mark.parametrize("panel", ["ffn", "moe"])
def test_a_net_without_sparse_layers_is_dense_or_refused(panel, tmp_path):
    net = module(f"model={panel}").network.eval()
    assert verify_export(net, written(net, "dense", tmp_path), logits).difference == 0
    for form in set(FORMATS) - {"dense"}:
        with pytest.raises(IncompatibleSettings, match=f"format={form}: the net has no sparse lay"):
            export_of(net, form)


def test_a_sparse_layer_outside_of_a_chain_cannot_be_narrow():
    net = nn.ModuleDict({"alone": MaskedLinear(torch.ones(3, 2, dtype=torch.bool))})
    with pytest.raises(IncompatibleSettings, match="alone is in no chain"):
        export_of(net, "narrow")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_net_is_not_taken_for_this_one(form, tmp_path):
    net, other = trained("model/mask=block"), trained("model/mask=block", "seed=1")
    with pytest.raises(InvalidSetting, match=f"^format={form}: the file"):
        verify_export(net, written(other, form, tmp_path), logits)


def test_weights_that_are_not_the_same_are_found_though_outputs_hardly_change(tmp_path):
    net, other = trained(), trained()
    layer = next(m for m in other.modules() if isinstance(m, MaskedLinear))
    with torch.no_grad():
        layer.weight[layer.live] *= 1 + 1e-6
    with pytest.raises(InvalidSetting, match=r"another blocks\.block_0\.net\.chain\.0\.weight"):
        verify_export(net, written(other, "csr", tmp_path), logits)


def test_a_net_whose_outputs_are_no_numbers_is_refused(tmp_path):
    net = trained()
    with torch.no_grad():
        net.get_submodule("blocks.block_0.net.chain.0").bias.fill_(float("nan"))
    with pytest.raises(InvalidSetting, match="the file"):
        verify_export(net, written(net, "narrow", tmp_path), logits)


def test_a_file_that_fails_its_check_leaves_the_old_one_and_nothing_else(tmp_path):
    net = trained()
    file = written(net, "csr", tmp_path)
    before = file.read_bytes()

    def refuse(_: Path) -> None:
        raise InvalidSetting("no")

    with pytest.raises(InvalidSetting, match="no"):
        write_export(export_of(net, "csr"), tmp_path / "new.safetensors", refuse)
    with pytest.raises(InvalidSetting, match="no"):
        write_export(export_of(trained("seed=1"), "csr"), file, refuse)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_block_width_can_be_given(tmp_path):
    mask = torch.eye(2, dtype=torch.bool).repeat_interleave(8, 0).repeat_interleave(8, 1)
    net = nn.Sequential(BlockLinear(mask, block=8))
    assert export_of(net, "block").tensors["0.blocks"].shape == (2, 8, 8)
    assert export_of(net, "block", 4).tensors["0.blocks"].shape == (8, 4, 4)
    with pytest.raises(IncompatibleSettings, match=r"format=block: 0: .* whole blocks of 16"):
        export_of(net, "block", 16)


def test_what_is_no_export_is_refused_in_one_line(tmp_path):
    from safetensors.torch import save_file

    garbage, foreign, later = (tmp_path / f"{n}.safetensors" for n in "abc")
    garbage.write_bytes(b"no file of this kind")
    save_file({"a": torch.zeros(1)}, foreign)
    save_file({}, later, {"triptych": '{"schema": 2, "format": "csr", "layers": {}}'})
    for file, message in (
        (tmp_path / "d", "there is no such file"),
        (garbage, "not a readable export"),
        (foreign, "not made by scripts/export.py"),
        (later, "written in schema 2, and this version reads 1"),
    ):
        with pytest.raises(InvalidSetting, match=message) as caught:
            load_export(file)
        assert "\n" not in str(caught.value)


def test_weights_of_another_net_do_not_fit():
    with pytest.raises(InvalidSetting, match="the weights do not fit the net"):
        dense_network(module("model=ffn").network, trained().state_dict())
