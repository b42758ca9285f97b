"""The contract between conf/ and the code. A new file under conf/ is covered by being there."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from .composed import CONF, composed

FILES = sorted(p.relative_to(CONF).with_suffix("") for p in CONF.rglob("*.yaml"))
PRIMARIES = [str(file) for file in FILES if file.parent == Path()]


def subgroups(file: Path) -> set[str]:
    """The groups that a file's own defaults list asks for, without those it only overrides."""
    defaults = OmegaConf.load(CONF / f"{file}.yaml").get("defaults", [])
    keys = (str(key) for entry in defaults if OmegaConf.is_dict(entry) for key in entry)
    return {key.removeprefix("optional ") for key in keys if not key.startswith("override ")}


def choices() -> Iterator[tuple[str, ...]]:
    """Each file as an override, beside each option of its parent group that has such a group.

    `model/router/topk.yaml` is tried under every `model=...` whose defaults list says `router`;
    a folder that no list names only sorts the options of its parent: `experiment=sweep/top_k`; a
    group that an experiment brings is tried with that experiment.
    """
    for file in FILES:
        group = file.parent
        bringing = [p for p in FILES if f"/{group}" in subgroups(p)]
        if bringing:
            yield (f"experiment={bringing[0].relative_to('experiment')}", f"{group}={file.name}")
            continue
        parents = [p for p in FILES if p.parent == group.parent and group.name in subgroups(p)]
        if (group.parent == Path() and group != Path()) or group.parent == Path("hydra"):
            yield (f"{group}={file.name}",)
        elif parents:
            for parent in parents:
                yield (f"{group.parent}={parent.name}", f"{group}={file.name}")
        elif group != Path():
            top = file.parents[-2]
            yield (f"{top}={file.relative_to(top)}",)


CHOICES = list(choices())


def targets(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node that names something to call, with its path."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, part in node.items():
            yield from targets(part, f"{path}.{key}".lstrip("."))
    if isinstance(node, list):
        for index, part in enumerate(node):
            yield from targets(part, f"{path}[{index}]")


def called(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every node with what its target is really called with."""
    found = dict(targets(config))
    if "trainer" in found:  # whose key `compile` is for our callback: Lightning's has none
        found["trainer"] = {k: v for k, v in found["trainer"].items() if k != "compile"}
    return found


def bind(node: dict[str, Any]) -> None:
    signature = inspect.signature(get_object(node["_target_"]))
    arguments = {key: value for key, value in node.items() if not key.startswith("_")}
    (signature.bind_partial if node.get("_partial_") else signature.bind)(**arguments)


def test_the_tree_is_found() -> None:
    assert "train" in PRIMARIES
    assert ("data=multimodal",) in CHOICES
    assert ("data=clusters", "data/cluster_labels=shuffled") in CHOICES
    assert ("model=moe", "model/router=topk") in CHOICES
    assert {c[0] for c in CHOICES if c[-1].startswith("model/backbone=")} >= {
        "model=ffn",
        "model=sparse",
        "model=moe",
        "model=controller",
        "model=monarch",
    }
    assert {choice[-1].replace("=", "/") for choice in CHOICES} | set(PRIMARIES) == set(
        map(str, FILES)
    )


@pytest.mark.parametrize("overrides", [(), *CHOICES], ids=" ".join)
def test_each_file_composes_and_its_arguments_fit_the_code(overrides: tuple[str, ...]) -> None:
    """A model is made of recipes: a nested node that is built once would be in all blocks."""
    config = composed(*overrides)
    found = called(config)
    assert {"data", "model.panel", "model.module", "optimizer", "trainer"} <= found.keys()
    for path, node in found.items():
        target = node["_target_"]
        if target.startswith("triptych"):
            assert re.fullmatch(r"triptych\.[a-z]+\.\w+", target), f"{path}: {target}"
        try:
            bind(node)
        except TypeError as error:
            pytest.fail(f"{path}: {target}: {error}")
    eager = [path for path, node in targets(config["model"]) if not node.get("_partial_")]
    assert eager == ["panel"]


@pytest.mark.parametrize("primary", sorted(set(PRIMARIES) - {"train"}))
def test_other_entry_points_compose(primary: str) -> None:
    for node in called(composed(primary=primary)).values():
        bind(node)


def test_a_wrong_argument_does_not_bind() -> None:
    node = composed("model=moe")["model"]["router"]
    bind(node)
    with pytest.raises(TypeError, match="topk"):
        bind({**node, "topk": 2})
    full = {key: value for key, value in node.items() if key != "_partial_"}
    with pytest.raises(TypeError, match="missing"):
        bind(full)
