"""Contract of executors, checked for each executor."""

from __future__ import annotations

import pytest

from seasoned.execution.checks import CHECKS
from seasoned.execution.local import LocalExecutor

FACTORIES = [LocalExecutor]


@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_executor_keeps_the_contract(factory, check):
    check(factory)
