"""The check of the rule, on tables where its answers are known."""

from dataclasses import replace

from triptych.report.advice import Budget, evidence, held_out

from .made import TASK, cell, row


def at(study: str, samples: int, best: str, rules: int = 4):
    task = replace(TASK, samples=samples, rules=rules)
    return cell(f"n={samples}, K={rules}", best, task=task, study=study)


def checks(*rows, with_rules=True):
    return held_out(evidence([arm for arms in rows for arm in arms], Budget()), with_rules)


def test_each_cell_is_predicted_by_its_neighbours_and_not_by_itself():
    """Neighbours: 1000 and 1100 are each other's, as are 4000 and 4400. All pairs agree."""
    without_cell, _ = checks(
        at("one", 1000, "moe"), at("one", 1100, "moe"), at("two", 4000, "dense"),
        at("two", 4400, "dense"),
    )  # fmt: skip
    assert (without_cell.cells, without_cell.answered, without_cell.right) == (4, 4, 4)
    assert [(one.panel, one.right, one.ours) for one in without_cell.trivial] == [
        ("dense", 2, 4),
        ("moe", 2, 4),
    ]
    assert without_cell.no_worse == []


def test_without_the_study_its_other_cells_do_not_help():
    """Each study is predicted by the other one, which contradicts; 1100 and 4000 are within reach,
    and so are 1000 and 4000; 4400 and 1000 are not, but 1100 is."""
    _, without_study = checks(
        at("one", 1000, "moe"), at("one", 1100, "moe"), at("two", 4000, "dense"),
        at("two", 4400, "dense"),
    )  # fmt: skip
    assert (without_study.answered, without_study.right) == (4, 0)
    assert without_study.no_worse == ["dense", "moe"]


def test_where_one_panel_is_always_ahead_the_rule_is_no_better_than_naming_it():
    without_cell, _ = checks(at("one", 1000, "moe"), at("one", 1100, "moe"))
    assert (without_cell.right, without_cell.no_worse) == (2, ["moe"])


def test_a_rule_that_answers_nothing_is_not_called_good():
    without_cell, without_study = checks(at("one", 1000, "moe"))
    assert (without_cell.answered, without_study.answered) == (0, 0)
    assert without_cell.no_worse == []


def test_rules_that_are_not_told_are_not_used():
    """Told, each cell has a neighbour of its own rules; else all four are at one place."""
    table = [at("one", n, best, k) for n in (1000, 1100) for best, k in (("moe", 32), ("dense", 1))]
    told, _ = checks(*table)
    assert (told.answered, told.right) == (4, 4)
    untold, _ = checks(*table, with_rules=False)
    assert untold.answered == 0


def test_a_panel_that_was_not_measured_there_is_no_answer():
    task = replace(TASK, samples=1100)
    pair = [row("b", panel, 0.9, task=task) for panel in ("dense", "sparse")]
    without_cell, _ = checks(at("one", 1000, "moe"), pair)
    # The pair is to be moe, which it does not have; the other cell is to be dense, which is wrong.
    assert (without_cell.answered, without_cell.right) == (1, 0)
    assert [one.cells for one in without_cell.trivial] == [1, 1]
