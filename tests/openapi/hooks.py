"""What schemathesis loads: who keeps its rights during the run, and which findings are none (`beyond.py`).

No check is off. A finding is dropped only where a schema cannot say what the server knows; each one is a line in the
file that OPENAPI_DROPPED names: why, the operation, and what the server said.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.openapi.checks import RejectedPositiveData

from tests.openapi import beyond

DROPPED = Path(os.environ["OPENAPI_DROPPED"])
KEPT = frozenset(os.environ.get("OPENAPI_KEPT", "").split())
NOBODY = "01900000-0000-7000-8000-000000000000"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """The run's own token and membership stay: without them all that follows would be a 401."""
    for name, value in case.path_parameters.items():
        if str(value) in KEPT:
            case.path_parameters[name] = NOBODY


@schemathesis.hook
def filter_failure(context: Any, failure: Failure, case: Any, response: Any) -> bool:
    """False where the answer is right and the schema could not have said so."""
    why = _why_none(failure, case, response)
    if why:
        with DROPPED.open("a") as file:
            told = " ".join(response.text.split())[:1000]
            file.write(f"{why}\t{case.operation.label}\t{told}\n")
    return not why


def _why_none(failure: Failure, case: Any, response: Any) -> str:
    """Empty where it is a finding."""
    if isinstance(failure, RejectedPositiveData):
        return beyond.why_refused(case, response)
    if isinstance(failure, AcceptedNegativeData):
        return beyond.why_accepted(case, response)
    if isinstance(failure, ServerError):
        return beyond.why_broken(case, response)
    return ""
