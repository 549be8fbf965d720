"""What a run gets as inputs: values picked out of the event, then defaults, then where it came from.

    {"user_id": "$.data.user.id", "first": "$.data.items.0", "channel": "web",
     "amount": {"extract": "the amount that the sender offers, in dollars", "schema": {"type": "number"}}}

A text that starts with `$` is a JSONPath (RFC 9535) into the payload, with one word of our own: a bare
number after a dot is an index. Everything else is a constant; `$$` at the start of one stands for `$`.
One match gives its value (null too), several give a list, none leaves the name to the defaults. An object with
`extract` says in words what a model reads out of the event when the run begins (see `triggers.extracts`).

Paths are limited so that none can be slow: one `..`, one filter, four commas, and no regular expressions
(`match` and `search`), which the library runs with an engine that can be made to explode.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535.lex import tokenize
from jsonpath_rfc9535.tokens import TokenType

from config.lib import json
from config.lib.problems import Problem
from triggers import extracts

TRIGGER_EVENT = "_trigger_event"
MAX_ENTRIES = 100
MAX_NAME = 100
MAX_PATH = 500
MAX_CONSTANT_BYTES = 10_000
MAX_MATCHES = 1000
MAX_BYTES = json.MAX_STORED_BYTES  # of all mapped values together

_MOST = {
    TokenType.ROOT: (1, "$ may stand only at the start."),
    TokenType.DOUBLE_DOT: (1, "A path may have one '..'."),
    TokenType.FILTER: (1, "A path may have one filter."),
    TokenType.COMMA: (4, "A path may have four commas."),
    TokenType.LPAREN: (8, "A path may have eight parentheses."),
}
_EXPLOSIVE = {"match", "search"}
_PIECE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\[\]]|(?<!\.)\.([0-9]+)(?=[.\[]|$)""")
_DASHED = re.compile(r"\.([^\W\d]\w*(?:-\w+)+)")
_environment = JSONPathEnvironment()


class InvalidMapping(ValueError):
    """A mapping that `check` refuses; it has the same `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(" ".join(map(str, problems)))
        self.problems = problems


def check(mapping: Any) -> list[Problem]:
    """All that is wrong with an input mapping; each path is the name of an entry."""
    if mapping is None:
        return []
    if not isinstance(mapping, dict):
        return [
            Problem("", "An input mapping is an object: names of inputs to paths into the event.")
        ]
    if len(mapping) > MAX_ENTRIES:
        return [Problem("", f"An input mapping has at most {MAX_ENTRIES} entries.")]
    if len(extracts.of(mapping)) > extracts.MAX_EXTRACTS:
        return [Problem("", f"At most {extracts.MAX_EXTRACTS} inputs may be extracted by a model.")]
    return [problem for name, entry in mapping.items() for problem in _problems(name, entry)]


def resolve(
    payload: Any,
    *,
    mapping: Mapping[str, Any] | None,
    defaults: Mapping[str, Any] | None,
    meta: Mapping[str, Any],
) -> dict[str, Any]:
    """The inputs of one run: mapped event data wins over `defaults`, and both over `meta`.

    `meta` is what every run gets: `{"_trigger_event": {"trigger_id", "event_type", "event_id", "timestamp"}}`.

    What a model is to extract is left out. The values are copies. What comes after MAX_BYTES of mapped values reads
    "[truncated]".
    Raises InvalidMapping for a path that `check` refuses.
    """
    mapped: dict[str, Any] = {}
    left = MAX_BYTES
    for name, entry in (mapping or {}).items():
        found = () if extracts.is_one(entry) else _values(entry, payload)
        if found:
            value = json.sanitise(found[0] if len(found) == 1 else found, max_bytes=max(left, 0))
            left -= len(json.dumps(value))
            mapped[name] = value
    return {**meta, **(defaults or {}), **mapped}


def _values(entry: Any, payload: Any) -> list[Any]:
    """The matches of a path, or the one value of a constant."""
    if not isinstance(entry, str) or not entry.startswith("$"):
        return [entry]
    if entry.startswith("$$"):
        return [entry[1:]]
    try:
        return [node.value for node in islice(_query(entry).finditer(payload), MAX_MATCHES)]
    except (JSONPathError, RecursionError):
        return []  # a payload that is too deep for `..`


@lru_cache(maxsize=2048)
def _query(path: str) -> JSONPathQuery:
    problem = _path_problem(path)
    if problem is not None:
        raise InvalidMapping([Problem(path[:MAX_PATH], problem)])
    return _environment.compile(_with_indexes(path))


def _name_problem(name: Any) -> Problem | None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        return Problem(str(name)[:MAX_NAME], "The name of an input is text that is not empty.")
    if len(name) > MAX_NAME:
        return Problem(name[:MAX_NAME], f"The name of an input has at most {MAX_NAME} characters.")
    if name == TRIGGER_EVENT:
        return Problem(name, "This name is taken: every run has it.")
    return None


def _problems(name: Any, entry: Any) -> list[Problem]:
    if problem := _name_problem(name):
        return [problem]
    if extracts.is_one(entry):
        return extracts.check(name, entry)
    return [problem] if (problem := _entry_problem(name, entry)) else []


def _entry_problem(name: str, entry: Any) -> Problem | None:
    if isinstance(entry, str) and entry.startswith("$") and not entry.startswith("$$"):
        message = _path_problem(entry)
        return Problem(name, message, _dashes_quoted(entry)) if message else None
    if strange := extracts.meant(entry):
        return Problem(f"{name}.{strange}", "Unknown field.", "extract")
    try:
        size = len(json.dumps(entry))
    except TypeError:
        return Problem(name, "The value cannot be written as JSON.")
    if size > MAX_CONSTANT_BYTES:
        return Problem(name, f"A constant has at most {MAX_CONSTANT_BYTES} bytes.")
    return None


def _path_problem(path: str) -> str | None:
    if len(path) > MAX_PATH:
        return f"A path has at most {MAX_PATH} characters."
    if path[1:2] not in {"", ".", "["}:
        return "A path reads like $.data.user.id; write $$ for text that starts with $."
    query = _with_indexes(path)
    try:
        tokens = tokenize(query)
        counts = Counter(token.type_ for token in tokens)
        for kind, (most, message) in _MOST.items():
            if counts[kind] > most:
                return message
        if any(token.type_ is TokenType.FUNCTION and token.value in _EXPLOSIVE for token in tokens):
            return "match and search are not available in paths."
        _environment.compile(query)
    except (JSONPathError, ValueError, RecursionError) as error:
        return f"This is not a JSONPath: {str(error)[:200]}."
    return None


def _with_indexes(path: str) -> str:
    """`$.items.0.id` as `$.items[0].id`; texts and what stands in brackets are left alone."""
    depth = 0

    def rewritten(piece: re.Match[str]) -> str:
        nonlocal depth
        depth += {"[": 1, "]": -1}.get(piece[0], 0)
        return f"[{piece[1]}]" if piece[1] and depth == 0 else piece[0]

    return _PIECE.sub(rewritten, path)


def _dashes_quoted(path: str) -> str | None:
    """`$.headers['content-type']` for `$.headers.content-type`, the usual slip."""
    if len(path) > MAX_PATH:
        return None
    quoted = _DASHED.sub(r"['\1']", path)
    return quoted if quoted != path and _path_problem(quoted) is None else None
