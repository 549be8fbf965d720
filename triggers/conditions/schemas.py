"""Holding conditions against the JSON Schema of an event type's payload: fields that it cannot have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.lib.paths import Parts, is_index
from config.lib.problems import Problem
from config.lib.registry import closest
from triggers.conditions.tree import Condition, questions, rules

_MAX_REFERENCES = 20
Schema = dict[str, Any]


def field_problems(condition: Condition, schema: Schema) -> list[Problem]:
    """Warnings for paths that no payload of this schema has, with the name that was probably meant.

    A path is doubted only where the schema closes an object (`additionalProperties: false`) or names a
    type that has nothing inside; where it leaves room, anything may come.
    """
    looked_at = [(f"{rule.path}.field", rule.parts) for rule in rules(condition)]
    looked_at += [
        (f"{question.path}.context_fields[{index}]".removeprefix("."), tuple(field.split(".")))
        for question in questions(condition)
        for index, field in enumerate(question.context_fields)
    ]
    found = (_problem(path, parts, schema) for path, parts in looked_at)
    return [problem for problem in found if problem is not None]


def path_problem(path: str, field: str, schema: Schema) -> Problem | None:
    """The same for one field of something else, which stands at `path`."""
    return _problem(path, tuple(field.split(".")), schema)


def _problem(path: str, parts: Parts, schema: Schema) -> Problem | None:
    here = [schema]
    for index, part in enumerate(parts):
        branches = [branch for one in here for branch in _branches(one, schema)]
        there = [below for branch in branches for below in _below(branch, part)]
        if not there:
            names = sorted({name for branch in branches for name in branch.get("properties", {})})
            meant = closest(part, names)
            parent = ".".join(parts[:index]) or "The event"
            whole = ".".join((*parts[:index], meant, *parts[index + 1 :])) if meant else None
            return Problem(path, f"{parent} has no {part!r}.", whole)
        here = there
    return None


def _branches(schema: Any, root: Schema, depth: int = 0) -> Iterator[Schema]:
    """The schemas that a value may follow; one that cannot be told is open to all ({})."""
    if not isinstance(schema, dict) or depth > _MAX_REFERENCES:
        yield {}
        return
    if "$ref" in schema:
        yield from _branches(_resolved(schema["$ref"], root), root, depth + 1)
        return
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    for choice in choices:
        yield from _branches(choice, root, depth + 1)
    if not choices:
        yield {} if "allOf" in schema else schema


def _resolved(reference: Any, root: Schema) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return {}
    found: Any = root
    for part in reference[2:].split("/"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found


def _below(schema: Schema, part: str) -> list[Any]:
    """The schemas of what stands at `part` inside; none where nothing can."""
    kinds = schema.get("type")
    kinds = {kinds} if isinstance(kinds, str) else set(kinds or ())
    if not kinds:
        kinds = {"object", "array"} if "properties" not in schema else {"object"}
    found: list[Any] = []
    if "object" in kinds:
        properties = schema.get("properties", {})
        if part in properties:
            return [properties[part]]
        more = schema.get("additionalProperties", True)
        if "patternProperties" in schema:
            more = True
        found += [] if more is False else [more]
    if "array" in kinds and is_index(part):
        found.append(schema.get("items", True))
    return found
