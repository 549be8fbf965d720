"""The steps of an agent, as they are written down: checked on save, so that few surprises are left for a run.

A step is `{"action": "create_note", "params": {"text": "..."}, "on_error": "fail" | "continue"}`; with
`"needs_approval": true` a person decides before it happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import jsonschema_rs

from agents import actions, params, templating
from agents.actions import Action
from config.lib import json
from config.lib.problems import path_of
from config.lib.registry import UnknownName, closest
from crm.models import Workspace

MAX_STEPS = 25
MAX_BYTES = 256 * 1024
ON_ERROR = ("fail", "continue")
NAMES = ("action", "params", "on_error", "needs_approval")

# What the roots of variables hold; events, inputs and the fields of a form may hold anything.
KNOWN: dict[str, tuple[str, ...]] = {
    "contact": (
        *("id", "first_name", "last_name", "email", "phone", "title", "company", "source", "owner"),
        *("custom", "created_at", "updated_at"),
    ),
    "deal": (
        *("id", "name", "value", "currency", "stage", "contact_id", "close_date", "owner"),
        *("custom", "created_at", "updated_at"),
    ),
    "form": ("form_id", "name", "submitted_at", "fields"),
    "agent": ("id", "name"),
    "workspace": ("id", "name", "slug"),
}

Problems = dict[str, list[str]]
_Kind = jsonschema_rs.ValidationErrorKind


def check(steps: Any, *, workspace: Workspace) -> Problems:
    """What is wrong, by path (`steps[0].params.title`); empty where nothing is."""
    if not isinstance(steps, list):
        return {"steps": ["Give a list of steps."]}
    if len(steps) > MAX_STEPS:
        return {"steps": [f"An agent has at most {MAX_STEPS} steps; these are {len(steps)}."]}
    if len(json.dumps(steps)) > MAX_BYTES:
        return {"steps": [f"The steps are larger than {MAX_BYTES // 1024} KiB."]}
    problems: Problems = {}
    for index, step in enumerate(steps):
        for path, message in _of_step(step, index + 1, workspace):
            problems.setdefault(f"steps[{index}]{path}", []).append(message)
    return problems


def written_out(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Checked steps with everything said that may be left out."""
    return [
        {
            "action": step["action"],
            "params": step.get("params") or {},
            "on_error": step.get("on_error", "fail"),
            **({"needs_approval": True} if step.get("needs_approval") else {}),
        }
        for step in steps
    ]


def _of_step(step: Any, number: int, workspace: Workspace) -> Iterator[tuple[str, str]]:
    """(path inside the step, message) pairs."""
    if not isinstance(step, dict):
        yield "", 'Give an object such as {"action": "create_note", "params": {...}}.'
        return
    for name in step.keys() - set(NAMES):
        yield f".{name}", f"Unknown field.{_hint(name, NAMES)}"
    if step.get("on_error", "fail") not in ON_ERROR:
        yield ".on_error", "Say fail or continue."
    if not isinstance(step.get("needs_approval", False), bool):
        yield ".needs_approval", "Say true or false."
    given = step.get("params")
    if given is not None and not isinstance(given, dict):
        yield ".params", "Give an object."
        return
    action = find_action(step.get("action"))
    if isinstance(action, str):
        yield ".action", action
        return
    yield from _of_params(action, given or {}, number, workspace)


def find_action(name: Any) -> Action | str:
    """The action, or what is wrong with its name."""
    if not name:
        return "Say which action."
    try:
        return actions.registry.get(name if isinstance(name, str) else str(name)[:50])
    except UnknownName as error:
        hint = f" Did you mean {error.suggestion!r}?" if error.suggestion else ""
        known = ", ".join(actions.registry)
        return f"There is no action {str(name)[:50]!r}.{hint} There are: {known}."


def faults_of_params(
    action: Action, given: dict[str, Any], workspace: Workspace
) -> Iterator[tuple[str, str]]:
    """What is wrong with those params that are given, where the others come later."""
    wrong = _schema_faults(action, given, is_whole=False)
    required = action.schema.get("required", ())
    if not wrong and action.check and all(name in given for name in required):
        wrong = [
            (f".params.{name}" if name else ".params", message)
            for name, message in action.check(given, workspace).items()
            if name in given
        ]
    yield from wrong
    for problem in templating.problems(given, known=KNOWN, step=1, path=".params"):
        hint = f" Did you mean {problem.suggestion}?" if problem.suggestion else ""
        yield problem.path, f"{problem.message}{hint}"


def faults_of_arguments(action: Action, given: dict[str, Any]) -> list[str]:
    """What is wrong with params that are filled in, in words for the one who filled them in."""
    faults = _schema_faults(action, given, is_whole=True)
    return [f"{path.removeprefix('.params').lstrip('.')}: {message}" for path, message in faults]


def _schema_faults(
    action: Action, given: dict[str, Any], *, is_whole: bool
) -> list[tuple[str, str]]:
    return [
        problem
        for error in _validator(action.name).iter_errors(given)
        if not _is_variable(given, error.instance_path)
        and (is_whole or not isinstance(error.kind, _Kind.Required))
        for problem in _explain(error, action.schema)
    ]


def _of_params(
    action: Action, given: dict[str, Any], number: int, workspace: Workspace
) -> Iterator[tuple[str, str]]:
    wrong = _schema_faults(action, given, is_whole=True)
    if not wrong and action.check:
        wrong = [
            (f".params.{name}" if name else ".params", message)
            for name, message in action.check(given, workspace).items()
        ]
    yield from wrong
    for problem in templating.problems(given, known=KNOWN, step=number, path=".params"):
        hint = f" Did you mean {problem.suggestion}?" if problem.suggestion else ""
        yield problem.path, f"{problem.message}{hint}"


def _is_variable(value: Any, path: list[str | int]) -> bool:
    """Whether a text with variables stands there: what it will be is only known in a run."""
    for part in path:
        value = value[part]
    return isinstance(value, str) and bool(templating.variables_in(value))


@lru_cache(maxsize=100)
def _validator(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        actions.registry.get(name).schema,
        validate_formats=True,
        # Wider than RFC 3339, as `params.moment` reads them.
        formats={"date-time": _is_moment, "date": _is_moment, "uuid": _is_uuid},
    )


def _is_moment(text: str) -> bool:
    return not text or params.parse_moment(text) is not None


def _is_uuid(text: str) -> bool:
    return not text or params.as_uuid(text) is not None


def _explain(error: jsonschema_rs.ValidationError, schema: dict[str, Any]) -> list[tuple[str, str]]:
    """An error about a field is told at the field, not at the object around it."""
    path = f".{path_of(['params', *error.instance_path])}"
    kind = error.kind
    if isinstance(kind, _Kind.Required):
        return [(f"{path}.{kind.property}", "This field is required.")]
    if isinstance(kind, _Kind.AdditionalProperties):
        known = list(schema["properties"])
        return [
            (f"{path}.{name}", f"Unknown field.{_hint(name, known)}") for name in kind.unexpected
        ]
    return [(path, _sentence(error))]


_SENTENCES = {  # by keyword; what it asks for stands in place of {}
    "type": "Give a value of type {}.",
    "enum": "Give one of: {}.",
    "minLength": "This must not be empty.",
    "maxLength": "Give at most {} characters.",
    "minimum": "Give at least {}.",
    "maximum": "Give at most {}.",
    "maxProperties": "Give at most {} of them.",
    "format": "This is not a valid {}.",
}


def _sentence(error: jsonschema_rs.ValidationError) -> str:
    sentence = _SENTENCES.get(error.kind.name)
    if sentence is None:
        return error.message[:300]
    wanted: Any = error.kind.value
    return sentence.format(", ".join(map(str, wanted)) if isinstance(wanted, list) else wanted)


def _hint(name: str, known: Iterable[str]) -> str:
    meant = closest(name, known)
    return f" Did you mean {meant!r}?" if meant else ""
