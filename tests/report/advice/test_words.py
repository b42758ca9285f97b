from triptych.report.advice import Budget, answer, evidence, evidence_lines
from triptych.report.advice.words import SHOWN

from .made import TASK, cell, row
from .test_advice import asked_of


def test_a_contradiction_says_who_leads_where():
    rows = [*cell("a", "moe"), *cell("b", "dense"), *cell("c", "moe")]
    given = asked_of(rows, TASK, Budget())
    assert answer(given, evidence(rows, Budget())) == (
        "Depends on what was not asked for. Equally near: moe (plain, a; plain, c);"
        " dense (plain, b)."
    )


def test_of_many_equally_near_cells_those_with_most_panels_are_shown_and_the_others_named():
    two = [row(name, panel, 0.9) for name in "ab" for panel in ("dense", "moe")]
    rows = [*two, *cell("c", "moe"), *cell("d", "moe")]
    (group,) = asked_of(rows, TASK, Budget()).groups
    lines = evidence_lines(group, TASK)
    titles = [line for line in lines if line.startswith("plain, ")]
    assert SHOWN == 2
    assert [title.partition(":")[0] for title in titles] == ["plain, c", "plain, d"]
    assert lines[-1] == "Equally near, and heard too: plain, a; plain, b."
    assert len(lines) == 2 * (1 + 3) + 1
