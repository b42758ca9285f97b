from functools import partial

import pytest
import torch

from triptych.errors import InvalidSetting
from triptych.sparse import AutoLinear, CSRLinear, MaskedLinear, Shuffled, SynFlow

from .nets import chain, net, samples, sparse


def recipe(file, seed: int = 0, sparsity: float = 0.8) -> Shuffled:
    return Shuffled(sparsity=sparsity, kernel=MaskedLinear, checkpoint=str(file), seed=seed)


@pytest.fixture
def checkpoint(tmp_path):
    """Of a trained net, and the masks that it has."""
    network = net()
    SynFlow(sparsity=0.8, kernel=MaskedLinear, rounds=3).begin(network, *samples())
    file = tmp_path / "best.ckpt"
    torch.save({"state_dict": network.state_dict()}, file)
    return file, {name: layer.mask.clone() for name, layer in sparse(network).items()}


def test_each_layer_keeps_its_number_of_weights_and_not_their_places(checkpoint):
    file, before = checkpoint
    masks = recipe(file).masks(net(), *samples())
    assert masks.keys() == before.keys()
    assert len({int(mask.sum()) for mask in before.values()}) > 1
    for name, mask in masks.items():
        assert mask.sum() == before[name].sum()
        assert not torch.equal(mask, before[name])


def test_the_seed_alone_decides(checkpoint):
    file, _ = checkpoint
    first, again, other = (recipe(file, seed).masks(net(), *samples()) for seed in (0, 0, 1))
    elsewhere = recipe(file).masks(net(seed=3), *samples(seed=5))
    for name, mask in first.items():
        assert torch.equal(mask, again[name])
        assert torch.equal(mask, elsewhere[name])
        assert not torch.equal(mask, other[name])


def test_every_place_is_as_likely(checkpoint):
    file, before = checkpoint
    drawn = [recipe(file, seed).masks(net(), *samples()) for seed in range(300)]
    for name, mask in before.items():
        share = torch.stack([masks[name].double() for masks in drawn]).mean(dim=0)
        density = float(mask.double().mean())
        assert (share - density).abs().max() < 5 * (density * (1 - density) / 300) ** 0.5


@pytest.mark.parametrize("kernel", [CSRLinear, partial(AutoLinear, block=2)])
def test_the_kernel_of_the_checkpoint_does_not_matter(checkpoint, kernel, tmp_path):
    file, before = checkpoint
    network = net()
    for name, mask in before.items():
        network.set_submodule(name, kernel(mask))
    torch.save({"state_dict": network.state_dict()}, tmp_path / "other.ckpt")
    ours, theirs = (
        recipe(path).masks(net(), *samples()) for path in (file, tmp_path / "other.ckpt")
    )
    assert all(torch.equal(mask, theirs[name]) for name, mask in ours.items())


def test_another_sparsity_is_named_with_that_of_the_checkpoint(checkpoint):
    with pytest.raises(InvalidSetting, match=r"model.sparsity=0.5, but .* leave out 0.8: set"):
        recipe(checkpoint[0], sparsity=0.5).masks(net(), *samples())


def test_a_layer_that_the_checkpoint_lacks_is_named(checkpoint):
    with pytest.raises(
        InvalidSetting, match="no mask for the layer 0 of 6 x 4: take the"
    ) as caught:
        recipe(checkpoint[0]).masks(chain(), *samples())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"text", "not a readable checkpoint"), ({"weights": {}}, "no state_dict inside")],
)
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(content, words, tmp_path):
    file = tmp_path / "a.ckpt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(InvalidSetting, match=words) as caught:
        recipe(file).check()
    assert "\n" not in str(caught.value)
