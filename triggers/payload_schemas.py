"""JSON Schemas that people wrote, for what other systems send: checked before they are stored, bounded in use.

A schema refers to nothing outside of itself and never to itself in a circle; its expressions take linear time; and what
validating costs (nodes of the body times nodes of the schema, its references written out) has a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from config.lib import json
from config.lib.problems import path_of

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_WEIGHT = 20_000
MAX_STEPS = 20_000_000  # some 20 ns each
_DEEPEST = 200  # with references
_DRAFTS = {
    "https://json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
}
_LEADS_AWAY = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$vocabulary")
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=200_000, dfa_size_limit=2_000_000)
_MOST_FAULTS = 20

Faults = dict[str, list[str]]


class UnusableSchema(ValueError):
    """What is wrong with a schema, as a sentence."""


class TooMuch(Exception):
    """The body is too large to be held against this schema."""


@dataclass(frozen=True, slots=True)
class PayloadSchema:
    validator: Any
    weight: int

    def faults(self, body: Any, *, raw: bytes) -> Faults:
        """What does not fit, by path; `raw`: the body's text. Raises TooMuch."""
        nodes = 1 + sum(raw.count(letter) for letter in (b",", b"[", b"{", b"&"))
        if nodes * self.weight > MAX_STEPS:
            raise TooMuch
        if self.validator.is_valid(body):
            return {}
        found: Faults = {}
        for error in islice(self.validator.iter_errors(body), _MOST_FAULTS):
            path = path_of(error.instance_path) or "body"
            found.setdefault(path, []).append(error.message[:300])
        return found


def compiled(schema: Any) -> PayloadSchema:
    """Raises UnusableSchema. The last few are kept ready."""
    if not isinstance(schema, dict):
        raise UnusableSchema("Give an object.")
    try:
        text = json.dumps(schema)
    except TypeError:
        raise UnusableSchema("This cannot be written as JSON.") from None
    return _compiled(text)


@lru_cache(maxsize=256)
def _compiled(text: bytes) -> PayloadSchema:
    try:
        schema = json.loads(text, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except json.InvalidJSON as error:
        raise UnusableSchema(f"{error.message}.") from None
    draft = str(schema.get("$schema", next(iter(_DRAFTS)))).removesuffix("#")
    if draft not in _DRAFTS:
        raise UnusableSchema(f"$schema: use {next(iter(_DRAFTS))}, or leave it out.")
    weight = _Weighing(schema).weight(schema, 0)
    if weight > MAX_WEIGHT:
        raise UnusableSchema(
            "Its references written out, the schema is too large. Say less of it, or say it more plainly."
        )
    try:
        validator = _DRAFTS[draft](schema, retriever=_refuse_to_fetch, pattern_options=_PATTERNS)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        first = str(error).partition("\n")[0][:200]
        where = path_of(getattr(error, "instance_path", []))
        raise UnusableSchema(f"{where}: {first}" if where else first) from None
    return PayloadSchema(validator, weight)


def _refuse_to_fetch(uri: str) -> Any:
    raise ValueError(f"{uri} is another document; a schema must hold all that it refers to.")


class _Weighing:
    """Nodes of a schema with every reference in its place; each target is weighed once."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.known: dict[str, int] = {}
        self.open: list[str] = []

    def weight(self, node: Any, depth: int) -> int:
        if depth > _DEEPEST:
            raise UnusableSchema("Its references lead too deep.")
        if isinstance(node, list):
            return 1 + sum(self.weight(one, depth + 1) for one in node)
        if not isinstance(node, dict):
            return 1
        return 1 + sum(self._entry(name, inner, depth + 1) for name, inner in node.items())

    def _entry(self, name: str, inner: Any, depth: int) -> int:
        if name in _LEADS_AWAY and isinstance(inner, (str, bool)):
            raise UnusableSchema(f"{name} is not supported here: refer with $ref and #/$defs/...")
        if name == "$ref" and isinstance(inner, str):
            return self._reference(inner, depth)
        if name == "pattern" and isinstance(inner, str):
            return 1 + len(inner) // 8
        return 1 + len(name) // 64 + self.weight(inner, depth)

    def _reference(self, pointer: str, depth: int) -> int:
        if pointer in self.open:
            raise UnusableSchema(
                f"$ref {pointer[:100]} leads back to itself: write the levels out."
            )
        if pointer not in self.known:
            self.open.append(pointer)
            self.known[pointer] = self.weight(resolve(self.root, pointer), depth)
            self.open.pop()
        return self.known[pointer]


def resolve(root: dict[str, Any], pointer: str) -> Any:
    """What `#/$defs/order` stands for. Raises UnusableSchema where that is nothing inside the schema."""
    if pointer != "#" and not pointer.startswith("#/"):
        raise UnusableSchema(
            f"$ref {pointer[:100]}: a schema must hold all that it refers to, as #/$defs/..."
        )
    node: Any = root
    for part in unquote(pointer).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and name in node:
            node = node[name]
        elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        else:
            raise UnusableSchema(f"$ref {pointer[:100]} stands for nothing.")
    return node
