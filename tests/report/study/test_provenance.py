from triptych.report.study.provenance import made_on
from triptych.result import Result


def run(commit, dirty, name, torch):
    git, device, versions = {"commit": commit, "dirty": dirty}, {"name": name}, {"torch": torch}
    return Result("finished", "r", "ffn", 0, git=git, device=device, versions=versions)


def test_each_code_machine_and_version_is_named_once():
    results = [
        run("b" * 40, False, "Xeon", "2.13"),
        run("a" * 40, True, "Xeon", "2.11"),
        run("b" * 40, False, "H100", "2.13"),
    ]
    assert made_on(results) == "Code aaaaaaaaaa-dirty, bbbbbbbbbb; H100, Xeon; torch 2.11, 2.13."


def test_what_was_not_recorded_is_unknown():
    assert made_on([Result("finished", "r", "ffn", 0)]) == "Code unknown; unknown; torch unknown."
