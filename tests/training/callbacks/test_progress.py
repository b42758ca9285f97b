import re

import pytest

from triptych.training import Progress

from ..tiny import fit


def test_without_a_terminal_there_is_a_line_at_the_start_and_at_each_quarter(
    capfd: pytest.CaptureFixture[str],
) -> None:
    title = "run 2 of 9: moe, seed 0, model.num_experts=16, model.top_k=4, model/router=[red]"
    fit(max_epochs=8, callbacks=[Progress(title)])
    said = capfd.readouterr().err.splitlines()
    lines = [line for line in said if line.startswith("run 2 of 9")]
    assert lines[0] == f"{title}: 8 epochs"
    assert len(lines) == 5
    for line, epoch in zip(lines[1:], (2, 4, 6, 8), strict=True):
        assert re.fullmatch(rf"{re.escape(title)}: epoch {epoch} of 8, val/acc 0\.\d{{4}}", line)
