"""Places that a person has to fill in: `[fill in: e-mail address]`.

A model that was not told whom to write to makes somebody up. So no address of the draft stays that the description does
not have; in its place stands a mark, with a question for the person, and nothing is saved while a mark is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from agents import actions, templating

MARK = re.compile(r"\[fill in:[^\]\n]{0,200}\]", re.IGNORECASE)
# What a check is given in place of a marked text: what comes of a variable is only known in a run.
STAND_IN = "@inputs.to_be_filled_in"
_EMAIL = re.compile(r"(?<![\w.+@-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'\]]+", re.IGNORECASE)
_AFTER = ".,;:!?)"  # ends a sentence, not an address
_CHOSEN_BY_NAME = ("agent",)  # x-widget of params whose own check knows who there is


def mark(what: str) -> str:
    return f"[fill in: {what}]"


def filled(draft: dict[str, Any], description: str, *, known: frozenset[str]) -> dict[str, Any]:
    """A copy in which every address that nobody named is a mark.

    `known`: addresses that the workspace has, such as those of its members, in small letters.
    """
    named = _addresses(description) | known

    def cleaned(text: str) -> str:
        text = _URL.sub(lambda found: _unless_named(found[0], named, "web address"), text)
        return _EMAIL.sub(lambda found: _unless_named(found[0], named, "e-mail address"), text)

    copy: dict[str, Any] = _mapped(draft, cleaned)
    for entry in _acting(copy):
        if isinstance(entry.get("params"), dict):
            entry["params"] = dict(_params(entry, description, known))
    return copy


def questions(draft: dict[str, Any]) -> list[str]:
    """What a person has to fill in, as sentences."""
    return [_question(path, text) for path, text in marked(draft)]


def marked(draft: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, text) of every text with a mark."""
    for part in ("agent", "trigger"):
        for path, text in _texts(draft.get(part), part):
            if MARK.search(text):
                yield path, text


def unfilled(draft: dict[str, Any]) -> dict[str, list[str]]:
    """Problems by path: what a person has still to say."""
    return {path: ["Fill this in first."] for path, _ in marked(draft)}


def disguised(value: Any) -> Any:
    """A copy in which marked texts are as a check takes them."""
    return _mapped(value, lambda text: STAND_IN if MARK.search(text) else text)


def _addresses(text: str) -> set[str]:
    found = [*_EMAIL.findall(text), *_URL.findall(text)]
    return {address.rstrip(_AFTER).casefold() for address in found}


def _unless_named(address: str, named: set[str] | frozenset[str], what: str) -> str:
    bare = address.rstrip(_AFTER)
    rest = address[len(bare) :]
    asked = bare.casefold()
    below = (asked.startswith(f"{one.rstrip('/')}{mark_}") for one in named for mark_ in "/?#")
    is_page = "://" in asked and any(below)
    return address if asked in named or is_page else f"{mark(what)}{rest}"


def _acting(draft: dict[str, Any]) -> Iterator[dict[str, Any]]:
    agent = draft.get("agent") or {}
    for entry in [*(agent.get("steps") or ()), *(agent.get("tools") or ())]:
        if isinstance(entry, dict):
            yield entry


def _params(
    entry: dict[str, Any], description: str, known: frozenset[str]
) -> Iterator[tuple[str, Any]]:
    """What decides whom the action reaches is said by the description, or is a mark."""
    name = str(entry.get("action"))
    action = actions.registry.get(name) if name in actions.registry else None
    schemas = action.schema.get("properties", {}) if action else {}
    for param, value in entry["params"].items():
        schema = schemas.get(param, {})
        is_guarded = schema.get("x-guarded") and "enum" not in schema
        if is_guarded and isinstance(value, str) and value:
            yield param, _said(value, schema, description, known)
        else:
            yield param, value


def _said(value: str, schema: dict[str, Any], description: str, known: frozenset[str]) -> str:
    if templating.variables_in(value) or MARK.search(value):
        return value
    if schema.get("x-widget") in _CHOSEN_BY_NAME:
        return value
    parts = [part.strip() for part in value.split(",")]
    is_said = all(
        _stands_in(part, description) or part.casefold() in known for part in parts if part
    )
    needs_address = schema.get("title") in ("To", "Reply to", "E-mail")
    if is_said and not (needs_address and not all("@" in part for part in parts)):
        return value
    return mark(f"{schema.get('title', 'value')}, instead of {value[:60]}".replace("]", ")"))


def _stands_in(part: str, description: str) -> bool:
    pattern = rf"(?<![\w@.-]){re.escape(part)}(?![\w@-]|\.\w)"
    return bool(re.search(pattern, description, re.IGNORECASE))


def _question(path: str, text: str) -> str:
    found = MARK.findall(text)
    wanted = ", ".join(one.removeprefix("[").removesuffix("]").partition(":")[2] for one in found)
    return f"{path}: the description does not say it. Fill in:{wanted}."


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{index}]")


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _mapped(inner, change) for name, inner in value.items()}
    return [_mapped(inner, change) for inner in value] if isinstance(value, list) else value
