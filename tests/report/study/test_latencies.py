import json

import pytest

from triptych.errors import InvalidSetting
from triptych.report.study.latencies import FILE, read_latencies, write_latencies

from .made import latencies


def test_what_was_measured_is_read_as_it_was_written(tmp_path):
    known = latencies({("K=1", "moe", 512): 0.002, ("K=1", "moe", 1): 0.001})
    write_latencies(tmp_path, known)
    assert read_latencies(tmp_path) == known
    found = known.of("K=1", "moe", 512)
    assert found is not None
    assert found.median == 0.002
    assert known.of("K=1", "moe", 7) is known.of("K=32", "moe", 1) is None


def test_a_folder_without_the_file_has_none(tmp_path):
    assert read_latencies(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}', '{"schema": 2, "nets": []}'])
def test_another_file_is_one_line(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(
        InvalidSetting, match=r"does not hold latencies .*: remove it, and measure"
    ) as caught:
        read_latencies(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_later_schema_is_refused_whatever_else_is_right(tmp_path):
    file = write_latencies(tmp_path, latencies({}))
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 2}))
    with pytest.raises(InvalidSetting, match="schema 2, expected 1"):
        read_latencies(tmp_path)
