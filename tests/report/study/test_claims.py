import pytest

from triptych.errors import InvalidSetting
from triptych.report.study.claims import check_claims, judged

from .made import study
from .test_differences import level

MOE = {"claim": "x", "cell": "K=32", "arm": "moe"}
LEAD = {**MOE, "minus": "dense"}
NMI = {**MOE, "of": "test/nmi"}


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        ({**LEAD, "least": 4.9}, True),
        ({**LEAD, "least": 5.1}, False),
        ({**LEAD, "most": 5.1}, True),
        ({**LEAD, "most": 4.9}, False),
        ({**LEAD, "least": 4.9, "above": 4.9}, False),  # the mean passes, its interval does not
        ({**LEAD, "above": 4}, True),
        ({**LEAD, "below": 6}, True),
        ({**LEAD, "below": 5.1}, False),
        ({**MOE, "least": 84.9, "most": 85.1}, True),
        ({**MOE, "minus": "dense", "cell": "K=1", "tie": 2}, True),
        ({**MOE, "minus": "dense", "cell": "K=1", "tie": 0.01}, False),
        ({**NMI, "least": 0.7}, True),
        ({**NMI, "least": 0.8}, False),
        ({**NMI, "of": "test/none", "least": 0.8}, None),
    ],
)
def test_limits_are_held_against_the_mean_or_its_interval(tmp_path, claim, holds):
    found = study(tmp_path, level, lambda run: {"test/nmi": 0.75}, claims=[claim])
    (verdict,) = judged(found)
    assert verdict.holds is holds


def test_an_interval_that_one_seed_cannot_have_decides_nothing(tmp_path):
    (verdict,) = judged(study(tmp_path, level, claims=[{**LEAD, "above": 0}], seeds=[0]))
    assert verdict.holds is None


RATIO = {"claim": "x", "arm": "moe", "over": ["dense"], "target": 84, "cost": "flops"}


@pytest.mark.parametrize(("least", "holds"), [(3.9, True), (4.1, False)])
def test_what_it_costs_to_reach_a_target_is_compared_at_its_cheapest(tmp_path, least, holds):
    """Moe reaches 84 % with 1e9 in K=1 and with 2e9 in K=32, dense with 4e9 in K=1 alone."""
    costs = {("K=1", "moe"): 1e9, ("K=32", "moe"): 2e9, ("K=1", "dense"): 4e9}
    found = study(
        tmp_path,
        level,
        flops=lambda run: costs.get((run.cell, run.arm), 1e8),
        claims=[{**RATIO, "least": least}, {**RATIO, "cost": "seconds", "least": least}],
    )
    for verdict in judged(found):
        assert verdict.measured.value == pytest.approx(4)
        assert verdict.holds is holds


@pytest.mark.parametrize(("target", "holds"), [(88, None), (99, None)])
def test_a_target_that_nobody_else_reaches_is_no_ratio(tmp_path, target, holds):
    levels = {"dense": 0.8, "moe": 0.9}
    claims = [{**RATIO, "target": target, "least": 2}]
    (verdict,) = judged(study(tmp_path, lambda run: levels[run.arm], claims=claims))
    assert verdict.holds is holds


def test_a_claim_fails_where_only_the_others_reach_the_target(tmp_path):
    levels = {"dense": 0.9, "moe": 0.8}
    claims = [{**RATIO, "target": 88, "least": 2}]
    (verdict,) = judged(study(tmp_path, lambda run: levels[run.arm], claims=claims))
    assert verdict.holds is False


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (MOE, "has no limit"),
        ({**MOE, "lest": 3}, "unknown lest"),
        ({"claim": "x", "arm": "moe", "least": 1}, "has no cell"),
        ({**MOE, "arm": "mo", "least": 1}, "the study has no mo in K=32"),
        ({**MOE, "minus": "d", "least": 1}, "the study has no d in K=32"),
        ({**MOE, "tie": 1}, "a tie is of two arms"),
        ({**RATIO, "least": 1, "cost": "euros"}, "cost=euros is none of flops, seconds"),
        ({**RATIO, "least": 1, "over": ["d"]}, "the study has no arm d"),
        (RATIO, "wrong is {'least'}"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_one_line(tmp_path, claim, message):
    found = study(tmp_path, level)
    found.study.claims.append(claim)
    with pytest.raises(InvalidSetting, match=message):
        check_claims(found.study)
