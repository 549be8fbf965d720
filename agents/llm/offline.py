"""`offline:rules`: no language model, a few fixed rules, so that a newcomer sees the whole path without a key.

The same question always gets the same answer, and each answer says what it is. The rules: each tool is asked for once,
in the order given, where its required arguments can be filled; then comes the answer. A field is filled from the data
where the data has one of its name; a choice takes the first that the data or the instructions speak of; a text quotes
the data. Where null is allowed, what the data does not have by its name is null. Whoever asks for a shape of its own
may bring rules of its own for it, known by the schema's title (`fills`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from config.lib import json

if TYPE_CHECKING:
    from agents.llm import Answer, Call, Question, Usage

LABEL = "[offline rules, no language model]"
MAX_TEXT = 600
_TECHNICAL = ("source", "type", "event_type", "timestamp", "currency", "kind")
_WORD = re.compile(r"\w+")

Fill = Callable[[dict[str, Any]], dict[str, Any]]  # the data that was told last -> a value
_own_fills: dict[str, Fill] = {}


def fills(title: str) -> Callable[[Fill], Fill]:
    """Decorator: these rules fill schemas of this title."""

    def add(fill: Fill) -> Fill:
        _own_fills[title] = fill
        return fill

    return add


def answer(question: Question) -> Answer:
    from agents.llm import Answer

    told = _told(question)
    call = _next_call(question, told)
    usage = _usage(question)
    if call is not None:
        return Answer("offline:rules", calls=(call,), usage=usage)
    if question.schema is not None and (own := _own_fills.get(question.schema.get("title", ""))):
        given: dict[str, Any] = question.messages[-1].get("data") or {}
        return Answer("offline:rules", value=own(given), usage=usage)
    if question.schema is not None:
        value = _value(question.schema, told, name="", wanted=question.instructions)
        return Answer("offline:rules", value=value, usage=usage)
    return Answer("offline:rules", text=f"{LABEL} {_summary(told)}", usage=usage)


def _usage(question: Question) -> Usage:
    from agents.llm import Usage

    return Usage(question.most.input_tokens // 2, 50)


def _told(question: Question) -> dict[str, Any]:
    """All fields of the data, by name; the innermost names count."""
    found: dict[str, Any] = {}
    for message in question.messages:
        if isinstance(message.get("data"), dict):
            for name, value in _leaves(message["data"]):
                found.setdefault(name, value)
    return found


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, str(key).rpartition(".")[2])
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)
    elif value not in (None, ""):
        yield name, value


def _next_call(question: Question, told: dict[str, Any]) -> Call | None:
    from agents.llm import Call

    asked = {call["name"] for message in question.messages for call in message.get("calls") or ()}
    for tool in question.tools:
        required = tool.schema.get("required") or []
        if tool.name in asked:
            continue
        wanted = {name: tool.schema.get("properties", {}).get(name, {}) for name in required}
        arguments = {
            name: _value(schema, told, name=name, wanted=question.instructions)
            for name, schema in wanted.items()
        }
        if all(value is not None for value in arguments.values()):
            return Call(f"offline-{len(asked) + 1}", tool.name, arguments)
    return None


def _value(schema: dict[str, Any], told: dict[str, Any], *, name: str, wanted: str) -> Any:
    """Something that fits the schema as far as rules can tell."""
    if "const" in schema:
        return schema["const"]
    if choices := schema.get("enum"):
        return _chosen(choices, told, wanted)
    kind = schema.get("type", "string")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    if _may_be_null(schema) and not _is_known(kind, told.get(name)):
        return None
    fill: Callable[..., Any] = _BY_KIND.get(kind, _text)
    return fill(schema, told, name, wanted)


def _may_be_null(schema: dict[str, Any]) -> bool:
    return "null" in schema.get("type", ()) or {"type": "null"} in schema.get("anyOf", ())


def _is_known(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KNOWN_AS.get(kind, ()))


def _object(schema: dict[str, Any], told: dict[str, Any], _name: str, wanted: str) -> Any:
    inner = schema.get("properties", {})
    return {key: _value(one, told, name=key, wanted=wanted) for key, one in inner.items()}


def _array(schema: dict[str, Any], told: dict[str, Any], name: str, wanted: str) -> Any:
    if not schema.get("minItems"):
        return []
    return [_value(schema.get("items", {}), told, name=name, wanted=wanted)]


def _boolean(schema: dict[str, Any], told: dict[str, Any], name: str, wanted: str) -> bool:
    known = told.get(name)
    return known if isinstance(known, bool) else _speaks_of(schema.get("description", wanted), told)


def _text(schema: dict[str, Any], told: dict[str, Any], name: str, _wanted: str) -> str:
    known = told.get(name)
    text = str(known) if known is not None else f"{LABEL} {_summary(told)}"
    return text[: schema.get("maxLength", MAX_TEXT)]


def _number(schema: dict[str, Any], told: dict[str, Any], name: str, _wanted: str) -> int | float:
    known = told.get(name)
    found = known if isinstance(known, int | float) and not isinstance(known, bool) else 0
    low, high = schema.get("minimum", found), schema.get("maximum", found)
    bounded = min(max(found, low), high)
    return int(bounded) if schema.get("type") == "integer" else bounded


def _null(*_: Any) -> None:
    return None


_BY_KIND: dict[str, Callable[..., Any]] = {
    "object": _object,
    "array": _array,
    "boolean": _boolean,
    "number": _number,
    "integer": _number,
    "null": _null,
}

_KNOWN_AS: dict[str, Any] = {"string": str | int | float, "number": int | float, "integer": int}


def _chosen(choices: list[Any], told: dict[str, Any], wanted: str) -> Any:
    """The first choice that the data names; else the first one that shares a word with what `wanted` says of it."""
    text = " ".join(str(value) for value in told.values()).casefold()
    for choice in choices:
        if str(choice).replace("_", " ").casefold() in text:
            return choice
    for choice in choices:
        line = next((one for one in wanted.splitlines() if str(choice) in one), "")
        words = {word for word in _WORD.findall(line.casefold()) if len(word) > 3}
        if words & set(_WORD.findall(text)):
            return choice
    return choices[-1]


def _speaks_of(wanted: str, told: dict[str, Any]) -> bool:
    """Whether the data has a word, of more than four letters, that the instructions have."""
    asked = {word for word in _WORD.findall(wanted.casefold()) if len(word) > 4}
    return any(asked & set(_WORD.findall(str(value).casefold())) for value in told.values())


def _summary(told: dict[str, Any]) -> str:
    """The longest texts of the data, which tell most."""
    texts = [
        (name, " ".join(str(value).split()))
        for name, value in told.items()
        if isinstance(value, str)
    ]
    plain = [
        (name, text)
        for name, text in texts
        if name not in _TECHNICAL and not name.endswith(("id", "_at")) and "T" not in text[10:11]
    ]
    plain.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    said = "; ".join(f"{name}: {text[:160]}" for name, text in plain[:4])
    return (said or json.dumps(told).decode())[:MAX_TEXT]
