"""How a trigger's edges answer what `blueprint` and the custom source refuse."""

from __future__ import annotations

from collections.abc import Collection

from config.lib.rest import Conflict, Failure, Invalid
from triggers.event_types import InvalidPayload
from triggers.problems import (
    ExamplesFailed,
    ExamplesUntried,
    InvalidTrigger,
    InvalidType,
    NameTaken,
    TooMany,
    TypeNameTaken,
)
from triggers.sources import Problems


def of_trigger(error: InvalidTrigger) -> Failure:
    """409 for a taken name and for examples that could not be tried, else 400 with a code that says what is wrong."""
    if isinstance(error, ExamplesFailed):
        return of_problems(error.problems, code="examples_failed")
    if isinstance(error, ExamplesUntried):
        return Conflict(_first(error.problems), code="examples_untried", details=error.problems)
    if isinstance(error, TooMany):
        messages = error.problems[""]
        details = {"non_field_errors": messages}
        return Invalid(messages[0], code="too_many_triggers", details=details)
    if isinstance(error, NameTaken):
        return Conflict(_first(error.problems), code="name_taken", details=error.problems)
    return of_problems(error.problems, code=_code(error.problems))


def of_type(error: InvalidType, *, below: str = "") -> Failure:
    """`below`: what the paths in the body begin with."""
    if isinstance(error, TypeNameTaken):
        return Conflict(_first(error.problems), code="name_taken", details=error.problems)
    found = {f"{below}{path}": said for path, said in error.problems.items()}
    return of_problems(found, code="invalid_webhook_type")


def of_problems(problems: Problems, *, code: str) -> Invalid:
    return Invalid(_first(problems), code=code, details=problems)


def of_payload(error: InvalidPayload, *, field: str) -> Invalid:
    """`field`: the one of the body that holds the payload."""
    problems: Problems = {}
    for problem in error.problems:
        path = f"{field}.{problem['path']}" if problem["path"] else field
        problems.setdefault(path, []).append(problem["message"])
    return of_problems(problems, code="invalid_event")


def _code(problems: Collection[str]) -> str:
    fields = {path.replace("[", ".").split(".")[0] for path in problems}
    single = fields.pop() if len(fields) == 1 else ""
    if "config.cron_expression" in problems:
        return "invalid_cron"
    return f"invalid_{single}" if single in ("conditions", "config") else "invalid_trigger"


def _first(problems: Problems) -> str:
    path, messages = next(iter(problems.items()))
    return f"{path}: {messages[0]}"
