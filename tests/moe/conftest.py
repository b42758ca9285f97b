"""The fused operator, compiled once."""

import pytest

from triptych.moe.native.operator import Operator, operator_or_none

from ..native_cache import in_pytests_cache


@pytest.fixture(scope="session")
def operator(pytestconfig: pytest.Config) -> Operator:
    with in_pytests_cache("moe", pytestconfig):
        compiled = operator_or_none()
    assert compiled is not None
    return compiled
