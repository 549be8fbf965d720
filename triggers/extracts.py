"""Inputs in words: what a mapping says of a value that a language model reads out of the event when the run begins.

    {"amount": {"extract": "the amount that the sender offers, in dollars", "schema": {"type": "number"},
                "context_fields": ["parsed.text"], "model": "provider:model"}}

`schema` is any JSON Schema of the value that holds all that it refers to. Where it allows null, null stands for what
the event does not tell; else such a run fails. `triggers.extracting` asks; here they are only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.lib import json, paths
from config.lib.problems import Problem
from config.lib.registry import closest
from triggers import payload_schemas

MAX_EXTRACTS = 20  # of one mapping
MAX_WORDS = 2000
MAX_CONTEXT_FIELDS = 50
MAX_MODEL = 200
MAX_SCHEMA_BYTES = 8 * 1024
MAX_SCHEMA_DEPTH = 16
MAX_SCHEMA_WEIGHT = 1000  # parts, its references written out
LATER = "extracted by the model when it runs"  # what a dry run shows in place of a value

_NAMES = ("extract", "schema", "context_fields", "model")


@dataclass(frozen=True, slots=True)
class Extract:
    """One checked entry. `model` empty: whoever thinks for the trigger's agent."""

    name: str
    words: str
    schema: dict[str, Any]
    context_fields: tuple[str, ...] = ()
    model: str = ""


def is_one(entry: Any) -> bool:
    """Whether an entry of a mapping is meant to be extracted; any other object is a constant."""
    return isinstance(entry, dict) and "extract" in entry


def of(mapping: Mapping[str, Any] | None) -> dict[str, Any]:
    """The entries of a mapping that a model is asked for, as they stand there."""
    return {name: entry for name, entry in (mapping or {}).items() if is_one(entry)}


def read(entries: Mapping[str, Any]) -> list[Extract]:
    """Checked entries."""
    return [
        Extract(
            name,
            entry["extract"].strip(),
            entry["schema"],
            tuple(entry.get("context_fields") or ()),
            (entry.get("model") or "").strip(),
        )
        for name, entry in entries.items()
    ]


def meant(entry: Any) -> str:
    """The name that was probably meant to be `extract`, where an object has a schema and no words."""
    if not isinstance(entry, dict) or "schema" not in entry or is_one(entry):
        return ""
    return closest("extract", [name for name in entry if name not in _NAMES]) or ""


def check(name: str, entry: dict[str, Any]) -> list[Problem]:
    """All that is wrong with one entry; the paths begin with its name."""
    return [Problem(f"{name}{path}", *said) for path, *said in _faults(entry)]


def _faults(entry: dict[str, Any]) -> Iterator[tuple[str, str, str | None] | tuple[str, str]]:
    for key in entry.keys() - set(_NAMES):
        yield f".{key[:100]}", "Unknown field.", closest(key, _NAMES)
    words = entry["extract"]
    if not isinstance(words, str) or not words.strip():
        yield ".extract", "Say in words what the value is."
    elif len(words) > MAX_WORDS:
        yield ".extract", f"Say it in at most {MAX_WORDS} characters."
    if problem := _schema_problem(entry.get("schema")):
        yield ".schema", problem
    yield from _field_faults(entry.get("context_fields"))
    model = entry.get("model") or ""
    if not isinstance(model, str) or len(model) > MAX_MODEL or (model and ":" not in model):
        yield ".model", "Write provider:model, or leave it out for the agent's model."


def _field_faults(given: Any) -> Iterator[tuple[str, str, str | None] | tuple[str, str]]:
    if given is None:
        return
    if not isinstance(given, list) or len(given) > MAX_CONTEXT_FIELDS:
        yield ".context_fields", f"context_fields is a list of at most {MAX_CONTEXT_FIELDS}."
        return
    for index, field in enumerate(given):
        where = f".context_fields[{index}]"
        if not isinstance(field, str) or not field:
            yield where, "A field is a path into the event, such as parsed.text."
            continue
        plain = field.strip().removeprefix("@").removeprefix("$.")
        if plain != field:
            yield where, "A field is a plain path into the event.", plain[: paths.MAX_LENGTH]
            continue
        try:
            paths.split(field)
        except ValueError as error:
            yield where, str(error)


def _schema_problem(schema: Any) -> str:
    if not isinstance(schema, dict):
        return 'Say what the value is, as a JSON Schema such as {"type": "string"}.'
    try:
        json.loads(json.dumps(schema), max_bytes=MAX_SCHEMA_BYTES, max_depth=MAX_SCHEMA_DEPTH)
    except TypeError:
        return "The schema cannot be written as JSON."
    except json.InvalidJSON as error:
        return f"The schema is too large: {error.message}."
    try:
        weight = payload_schemas.compiled(schema).weight
    except payload_schemas.UnusableSchema as error:
        return f"This is no JSON Schema that can be used here: {error}"
    if weight > MAX_SCHEMA_WEIGHT:
        return "The schema has too many parts. Say less of the value, or say it more plainly."
    return "Give at least one choice." if schema.get("enum") == [] else ""
