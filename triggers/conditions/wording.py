"""Whether a condition in words can be answered at all: what is wrong with its words and examples, and what is strange.

Rules of thumb, by the words alone: what they call wrong can never be judged (it says nothing of the event, or two
examples contradict each other); what they only doubt is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from config.lib import json
from config.lib.problems import Problem
from triggers.conditions.examples import missing, seen
from triggers.conditions.leaves import at
from triggers.conditions.tree import Condition, Question, questions

VAGUE = (
    "This says too little to be judged. "
    "Say what the data must show, such as: the message asks for a price or an offer."
)
_WORD = re.compile(r"[^\W_]+")
_PATH = re.compile(r"(?<![\w@.])[@$]?\.?([a-z_][a-z0-9_]*(?:\.[a-z0-9_]+)+)")
_ROOTS = ("contact", "deal", "form", "request", "parsed", "data", "event")
# Words that tell nothing of an event: how it is said, how much, that it is fine, and what every event has.
_EMPTY_WORDS = """
a an the this that these those it its he she they we you i is are was were be been being am do does did has
have had having will would can could should shall may might must not no yes and or but if then else when than as at
by for from in into of on off out over to up with about like just very really quite rather so too also more most
much many some any all each every other such own same only there here what which who whom whose how why where
looks look looking seems seem sounds sound feels feel appears appear somehow kind sort
good bad nice ok okay fine great best better worse worst right wrong true false correct incorrect valid invalid
proper suitable appropriate useful interesting relevant important matters matter matching match matches fit fits
something anything everything nothing thing things stuff case condition conditions criteria met holds hold
event events data message messages text content input record item value
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


def problems(condition: Condition) -> list[Problem]:
    """What can never be judged."""
    return [
        found
        for question in questions(condition)
        for found in (*_vague(question), *_contradictions(question), *_blind(question))
    ]


def doubts(condition: Condition, schema: Mapping[str, Any] | None = None) -> list[Problem]:
    """What is allowed and yet probably not meant. `schema`: of the event's payload, where it is known."""
    known = tuple((schema or {}).get("properties", {})) or _ROOTS
    asked = questions(condition)
    found = [
        one
        for question in asked
        for one in (*_partly_blind(question), *_twice(question), *_unseen(question, known))
    ]
    return [*found, *_asked_twice(asked)]


def _vague(question: Question) -> Iterator[Problem]:
    words = _WORD.findall(question.description.casefold())
    if not any(_says_something(word) for word in words):
        yield Problem(at(question.path, "description"), VAGUE)


def _says_something(word: str) -> bool:
    return word not in _EMPTY and (len(word) > 1 or not word.isascii())


def _told(question: Question, example: Mapping[str, Any]) -> bytes:
    return json.dumps(json.sanitise(seen(question, example["input"])))


def _contradictions(question: Question) -> Iterator[Problem]:
    first: dict[bytes, tuple[int, bool]] = {}
    for index, example in enumerate(question.examples):
        number, expected = first.setdefault(
            _told(question, example), (index + 1, example["expected"])
        )
        if example["expected"] is not expected:
            yield Problem(
                f"{at(question.path, 'examples')}[{index}].expected",
                f"Example {number} shows the model the same and expects the opposite.",
            )


def _blind(question: Question) -> Iterator[Problem]:
    """Objects of which the model would see nothing."""
    for index, example in enumerate(question.examples):
        given = example["input"]
        if question.context_fields and isinstance(given, dict) and not seen(question, given):
            names = ", ".join(question.context_fields[:3])
            yield Problem(
                f"{at(question.path, 'examples')}[{index}].input",
                f"The model would see nothing of this: it has none of the context fields ({names}).",
            )


def _partly_blind(question: Question) -> Iterator[Problem]:
    for index, example in enumerate(question.examples):
        if lacking := missing(question, example["input"]):
            path = f"{at(question.path, 'examples')}[{index}].input"
            if not isinstance(example["input"], dict):
                yield Problem(
                    path, f"Several fields are shown: give an object with {', '.join(lacking[:3])}."
                )
            else:
                yield Problem(
                    path, f"It lacks {', '.join(lacking[:3])}, which the model would see."
                )


def _twice(question: Question) -> Iterator[Problem]:
    seen_fields: set[str] = set()
    for index, name in enumerate(question.context_fields):
        if name in seen_fields:
            yield Problem(
                f"{at(question.path, 'context_fields')}[{index}]", f"{name} is listed twice."
            )
        seen_fields.add(name)
    first: dict[bytes, int] = {}
    for index, example in enumerate(question.examples):
        key = _told(question, example) + (b"+" if example["expected"] else b"-")
        if (number := first.setdefault(key, index)) != index:
            path = f"{at(question.path, 'examples')}[{index}]"
            yield Problem(path, f"It is the same as example {number + 1}.")


def _unseen(question: Question, roots: tuple[str, ...]) -> Iterator[Problem]:
    """Paths in the words that the model does not get to see."""
    shown = question.context_fields
    if not shown:
        return
    for path in dict.fromkeys(_PATH.findall(question.description)):
        if path.split(".")[0] not in roots:
            continue
        if not any(_covers(one, path) or _covers(path, one) for one in shown):
            yield Problem(
                at(question.path, "description"),
                f"It speaks of {path}, which the model does not see: add it to context_fields.",
            )


def _covers(one: str, other: str) -> bool:
    return one == other or other.startswith(f"{one}.")


def _asked_twice(asked: list[Question]) -> Iterator[Problem]:
    first: dict[tuple[str, tuple[str, ...]], str] = {}
    for question in asked:
        words = " ".join(question.description.casefold().split())
        key = (words, tuple(sorted(question.context_fields)))
        before = first.setdefault(key, question.path)
        if before != question.path:
            yield Problem(at(question.path, "description"), f"{before} asks the same.")
