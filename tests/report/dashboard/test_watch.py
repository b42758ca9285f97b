"""A dashboard that follows runs: written when something changed, and not otherwise."""

from pathlib import Path

import pytest

from triptych.errors import InvalidSetting
from triptych.report.dashboard import watch
from triptych.report.dashboard.watch import signature
from triptych.result import Result, write


def run(folder: Path, seed: int, **fields: object) -> Path:
    result = Result("running", f"ffn-s{seed}", "ffn", seed, **fields)  # pyright: ignore[reportArgumentType]
    return write(result, folder)


def test_what_a_dashboard_is_made_of_has_another_signature_when_it_changes(tmp_path: Path):
    run(tmp_path / "a", 0)
    before = signature([tmp_path])
    (tmp_path / "a" / "other.txt").write_text("nothing that is shown")
    assert signature([tmp_path]) == before
    seen = {before}
    for name in ("metrics.csv", "tables.jsonl"):
        (tmp_path / "a" / name).write_text("step\n")
        assert signature([tmp_path]) not in seen
        seen.add(signature([tmp_path]))
    run(tmp_path / "a", 0, epochs=1)
    assert signature([tmp_path]) not in seen
    assert signature([tmp_path / "a" / "result.json"]) == signature([tmp_path])


def test_the_page_is_written_again_only_for_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(tmp_path / "a", 0)
    looks: list[float] = []
    news = {2: lambda: run(tmp_path / "b", 1)}

    def look(seconds: float) -> None:
        looks.append(seconds)
        news.get(len(looks), lambda: None)()
        if len(looks) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", look)
    written = [made.runs for made in watch([tmp_path], tmp_path / "page.html", 7.0)]
    assert written == [{"running": 1}, {"running": 2}]
    assert looks == [7.0] * 4
    assert '"refresh_s":0' in (tmp_path / "page.html").read_text()  # the last page stands still


def test_it_waits_for_the_first_run_but_not_for_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def look(_: float) -> None:
        run(tmp_path / "a", 0)

    monkeypatch.setattr("time.sleep", look)
    first = next(watch([tmp_path], tmp_path / "page.html", 1.0))
    assert first.runs == {"running": 1}
    assert '"refresh_s":1.0' in first.page.read_text()
    with pytest.raises(InvalidSetting, match="no such folder"):
        next(watch([tmp_path / "none"], tmp_path / "page.html", 1.0))
