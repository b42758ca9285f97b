"""Export files: written whole or not at all, and read back. Needs the package safetensors."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor

from triptych.errors import InvalidSetting
from triptych.sparse.export.layouts import layouts
from triptych.sparse.export.network import Export

SCHEMA = 1
KEY = "triptych"


def write_export(export: Export, file: Path, check: Callable[[Path], None]) -> None:
    """Writes one safetensors file; see `layouts` for what is in it.

    Args:
        file: replaced only by a file that is whole and passed the check.
        check: looks at the file under a temporary name, and raises what is wrong with it.

    Raises:
        InvalidSetting: if the package safetensors is missing.
        OSError: if the file cannot be written.
    """
    about = {"schema": SCHEMA, "format": export.form, "layers": export.layers}
    content = require_safetensors().torch.save(dict(export.tensors), {KEY: json.dumps(about)})
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        check(draft)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def read_export(file: str | Path) -> Export:
    """What an export file holds, on the CPU.

    Raises:
        InvalidSetting: if there is no such file, or it is none, or of a later schema.
    """
    if not Path(file).is_file():
        raise InvalidSetting(f"{file}: there is no such file; scripts/export.py makes exports")
    package = require_safetensors()
    try:
        with package.safe_open(str(file), framework="pt") as content:
            about = json.loads((content.metadata() or {}).get(KEY, "null"))
            tensors = {key: content.get_tensor(key) for key in content.keys()}  # noqa: SIM118
    except (ValueError, package.SafetensorError) as error:
        raise InvalidSetting(f"{file}: not a readable export ({error})") from error
    if about is None:
        raise InvalidSetting(f"{file}: not made by scripts/export.py: it says no format")
    if about["schema"] != SCHEMA:
        raise InvalidSetting(
            f"{file}: written in schema {about['schema']}, and this version reads {SCHEMA}:"
            " export the checkpoint again"
        )
    return Export(about["format"], about["layers"], tensors)


def load_export(file: str | Path) -> dict[str, Tensor]:
    """The state_dict of the exported net with `nn.Linear` in place of sparse layers, from an
    export of any format: `dense_network(net, load_export(file))` is that net.

    Raises:
        InvalidSetting: if the file cannot be read or is no export.
    """
    return dense_state(read_export(file))


def dense_state(export: Export) -> dict[str, Tensor]:
    """The same, of an export in memory."""
    decode = layouts()[export.form].decode
    inside = tuple(f"{name}." for name in export.layers)
    state = {key: value for key, value in export.tensors.items() if not key.startswith(inside)}
    for name, layer in export.layers.items():
        parts = export.of(name)
        state[f"{name}.weight"] = decode(parts, _shape(layer))
        state[f"{name}.bias"] = parts["bias"]
    return state


def _shape(layer: Mapping[str, Any]) -> tuple[int, int]:
    d_out, d_in = layer["shape"]
    return d_out, d_in


def require_safetensors() -> ModuleType:
    """The package, imported only when it is needed: it is an extra.

    Raises:
        InvalidSetting: if it is not installed.
    """
    try:
        import safetensors.torch
    except ImportError as error:
        raise InvalidSetting(
            "exports need the package safetensors: pip install 'triptych[export]'"
        ) from error
    return safetensors
