"""How many examples a test draws."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "0"))
Test = TypeVar("Test", bound=Callable[..., Any])


def bounded(few: int) -> Callable[[Test], Test]:
    """`few` examples, always the same; PROPERTY_EXAMPLES others where that is set."""

    def limit(test: Test) -> Test:
        limited = settings(
            max_examples=EXAMPLES or few,
            derandomize=not EXAMPLES,
            phases=list(Phase) if EXAMPLES else [Phase.explicit, Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(test)
        marked: Test = pytest.mark.timeout(3600 if EXAMPLES else 120)(limited)
        return marked

    return limit
