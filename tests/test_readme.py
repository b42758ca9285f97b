import re
from pathlib import Path
from typing import Any

import pytest
import torch

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(), flags=re.M | re.S)


@pytest.mark.parametrize("code", BLOCKS, ids=lambda code: code.splitlines()[0])
def test_each_piece_of_python_in_the_readme_runs(code: str) -> None:
    exec(code, {"__name__": "readme"})


def test_the_transformer_block_of_the_readme_leaves_padding_out() -> None:
    (code,) = (code for code in BLOCKS if "class Block" in code)
    names: dict[str, Any] = {"__name__": "readme"}
    exec(code, names)
    assert names["y"].shape == (4, 10, 32)
    assert int(names["routing"].load().sum()) == 2 * (10 + 7 + 3 + 9)
    assert names["routing"].sequences == 4
    assert torch.isfinite(names["loss"])
