"""Reading one rule, or one question to a model, out of what was given: every fault of it, not the first."""

from __future__ import annotations

from typing import Any

from config.lib import json, paths
from config.lib.problems import Problem
from config.lib.registry import UnknownName, closest
from triggers import operators
from triggers.comparing import Incomparable
from triggers.conditions.tree import Question, Rule
from triggers.operators import Operator, Value

MAX_VALUE_BYTES = 10_000
MAX_DESCRIPTION = 2000
MAX_CONTEXT_FIELDS = 50
MAX_EXAMPLES = 20
MAX_MODEL = 200

_NO_VALUE: tuple[Any, ...] = (None, True, "")  # what forms send along with `exists`


class Findings:
    """The problems found so far. `wrapping` is the part of a path that the sender did not write."""

    def __init__(self, wrapping: str) -> None:
        self.problems: list[Problem] = []
        self._wrapping = wrapping

    def add(self, path: str, message: str, suggestion: str | None = None) -> None:
        shown = path.removeprefix(self._wrapping).removeprefix(".")
        self.problems.append(Problem(shown, message, suggestion))


def at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def read_rule(raw: dict[str, Any], path: str, findings: Findings) -> Rule | None:
    before = len(findings.problems)
    field = raw.get("field")
    parts = _field(field, at(path, "field"), findings, _typed_wrong(raw, "field"))
    operator = _operator(raw, path, findings)
    value = _value(raw, path, operator, findings) if operator else None
    if len(findings.problems) > before or operator is None:
        return None
    try:
        prepared = operator.prepare(value)
    except Incomparable as error:  # `check` let it pass, `prepare` knows better
        findings.add(at(path, "value"), str(error))
        return None
    return Rule(path, str(field), parts, operator, value, prepared)


def _typed_wrong(raw: dict[str, Any], key: str) -> str:
    """Names the key that was probably meant to be `key`."""
    strange = closest(
        key, [name for name in raw if name not in {"field", "operator", "value", "type"}]
    )
    return f" There is {strange!r}, which is not known." if strange else ""


def _field(given: Any, path: str, findings: Findings, hint: str = "") -> paths.Parts:
    if not isinstance(given, str) or not given:
        findings.add(path, f"A rule needs a field, such as deal.value.{hint}")
        return ()
    plain = given.strip().removeprefix("@").removeprefix("$.")
    if plain != given:
        findings.add(path, "A field is a plain path into the event.", plain[: paths.MAX_LENGTH])
        return ()
    try:
        return paths.split(given)
    except ValueError as error:
        findings.add(path, str(error))
        return ()


def _operator(raw: dict[str, Any], path: str, findings: Findings) -> Operator | None:
    given = raw.get("operator")
    if not isinstance(given, str) or not given.strip():
        findings.add(
            at(path, "operator"), f"A rule needs an operator.{_typed_wrong(raw, 'operator')}"
        )
        return None
    try:
        return operators.find(given)
    except UnknownName as error:
        findings.add(
            at(path, "operator"), f"There is no operator {error.name!r}.", error.suggestion
        )
        return None


def _value(raw: dict[str, Any], path: str, operator: Operator, findings: Findings) -> Any:
    given, path = raw.get("value"), at(path, "value")
    if operator.value is Value.NONE:
        if not any(given is nothing or given == "" for nothing in _NO_VALUE):
            findings.add(path, f"{operator.name} takes no value.")
        return None
    if "value" not in raw:
        findings.add(path, f"{operator.name} needs a value.{_typed_wrong(raw, 'value')}")
        return None
    fault = _unstorable(given) or operator.check(given)
    if fault:
        findings.add(path, fault)
        return None
    return json.sanitise(given)


def _unstorable(value: Any) -> str | None:
    try:
        size = len(json.dumps(value))
    except TypeError:
        return "The value cannot be written as JSON."
    return f"A value has at most {MAX_VALUE_BYTES} bytes." if size > MAX_VALUE_BYTES else None


def read_question(raw: dict[str, Any], path: str, findings: Findings) -> Question | None:
    before = len(findings.problems)
    description = raw.get("description")
    if not isinstance(description, str) or not description.strip():
        findings.add(at(path, "description"), "Say in words what must be true.")
    elif len(description) > MAX_DESCRIPTION:
        findings.add(
            at(path, "description"), f"A description has at most {MAX_DESCRIPTION} characters."
        )
    shown = _list(raw, "context_fields", MAX_CONTEXT_FIELDS, path, findings)
    for index, field in enumerate(shown):
        _field(field, f"{at(path, 'context_fields')}[{index}]", findings)
    examples = _list(raw, "examples", MAX_EXAMPLES, path, findings)
    for index, example in enumerate(examples):
        _example(example, f"{at(path, 'examples')}[{index}]", findings)
    model = _model(raw, at(path, "model"), findings)
    min_confidence = _min_confidence(raw, at(path, "min_confidence"), findings)
    if len(findings.problems) > before:
        return None
    kept = [{"input": one["input"], "expected": one["expected"]} for one in examples]
    return Question(
        path,
        str(json.sanitise(description)).strip(),
        tuple(shown),
        tuple(json.sanitise(kept)),
        model,
        min_confidence,
    )


def _model(raw: dict[str, Any], path: str, findings: Findings) -> str:
    given = raw.get("model") or ""
    if isinstance(given, str) and len(given) <= MAX_MODEL and (not given or ":" in given):
        return given.strip()
    findings.add(path, "Write provider:model, or leave it out for the agent's model.")
    return ""


def _min_confidence(raw: dict[str, Any], path: str, findings: Findings) -> float | None:
    given = raw.get("min_confidence")
    if given is None:
        return None
    if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
        return float(given)
    findings.add(path, "min_confidence is a number from 0 to 1, or left out.")
    return None


def _list(raw: dict[str, Any], key: str, most: int, path: str, findings: Findings) -> list[Any]:
    given = raw.get(key)
    if given is None:
        return []
    if isinstance(given, list) and len(given) <= most:
        return given
    findings.add(at(path, key), f"{key} is a list of at most {most}.")
    return []


def _example(example: Any, path: str, findings: Findings) -> None:
    if not isinstance(example, dict) or "input" not in example:
        findings.add(path, "An example is an object with input and expected.")
    elif not isinstance(example.get("expected"), bool):
        findings.add(at(path, "expected"), "Expected is true or false.")
    elif fault := _unstorable(example["input"]):
        findings.add(at(path, "input"), fault)
