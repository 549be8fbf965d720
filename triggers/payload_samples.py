"""What can be told of payloads before one came: a sample for a schema, and the fields that people may choose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from triggers.payload_schemas import resolve

Schema = dict[str, Any]


def sample_of(schema: dict[str, Any]) -> Any:
    """A body such as the schema describes: its example where it gives one, else one that is made up."""
    return _Sampling(schema).of(schema, 0)


_SAMPLES: dict[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
_TEXTS = {
    "email": "ann@example.org", "date-time": "2026-11-03T09:30:00Z", "date": "2026-11-03", "time": "09:30:00Z",
    "uri": "https://example.org/", "uuid": "01936f6e-7b1c-7000-8000-000000000000",
}  # fmt: skip
_DEEPEST_SAMPLE = 8
_MOST_PARTS = 500


class _Sampling:
    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.left = _MOST_PARTS

    def of(self, schema: Any, depth: int) -> Any:
        self.left -= 1
        if not isinstance(schema, dict) or depth > _DEEPEST_SAMPLE or self.left < 0:
            return None
        given = next(self._given(schema), None)
        if given is not None:
            return given[0]
        if isinstance(schema.get("$ref"), str):
            return self.of(resolve(self.root, schema["$ref"]), depth + 1)
        parts = [one for name in ("allOf", "anyOf", "oneOf") for one in _first(schema, name)]
        found = [self.of(one, depth + 1) for one in parts]
        own = self._by_type(schema, depth)
        merged = [one for one in [*found, own] if isinstance(one, dict)]
        if merged:
            return {name: value for one in merged for name, value in one.items()}
        return own if own is not None or not found else found[0]

    def _given(self, schema: dict[str, Any]) -> Iterator[tuple[Any]]:
        for name in ("examples", "enum"):
            if isinstance(schema.get(name), list) and schema[name]:
                yield (schema[name][0],)
        for name in ("example", "default", "const"):
            if name in schema:
                yield (schema[name],)

    def _by_type(self, schema: dict[str, Any], depth: int) -> Any:
        kinds = schema.get("type", "object" if "properties" in schema else None)
        kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
        if kind == "object":
            return self._object(schema.get("properties"), depth)
        if kind == "array":
            return (
                [self.of(schema["items"], depth + 1)]
                if isinstance(schema.get("items"), dict)
                else []
            )
        if kind == "string":
            return _TEXTS.get(str(schema.get("format")), "text")
        if kind in ("integer", "number"):
            least = schema.get("minimum")
            return least if isinstance(least, (int, float)) else _SAMPLES[kind]
        return _SAMPLES.get(kind) if isinstance(kind, str) else None

    def _object(self, properties: Any, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, inner in properties.items() if isinstance(properties, dict) else ():
            if self.left <= 0:
                break
            found[name] = self.of(inner, depth + 1)
        return found


def _first(schema: dict[str, Any], name: str) -> list[Any]:
    """All parts of `allOf`, the first of the others."""
    parts = schema.get(name)
    if not isinstance(parts, list):
        return []
    return parts if name == "allOf" else parts[:1]


_DEEPEST_OUTLINE = 4
_MOST_NAMES = 300
_TYPES: dict[type, str] = {
    bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array",
}  # fmt: skip


def outline_of(schema: Schema) -> Schema:
    """Names, types, titles and choices, references written out; small, whatever the schema is."""
    return _Outlining(schema).of(schema, 0)


class _Outlining:
    def __init__(self, root: Schema) -> None:
        self.root = root
        self.left = _MOST_NAMES

    def of(self, schema: Any, depth: int) -> Schema:
        self.left -= 1
        if not isinstance(schema, dict) or depth > _DEEPEST_OUTLINE or self.left < 0:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self.of(resolve(self.root, schema["$ref"]), depth + 1)
        kept = {name: schema[name] for name in ("type", "title") if name in schema}
        if isinstance(schema.get("enum"), list):
            kept["enum"] = schema["enum"][:50]
        if isinstance(schema.get("items"), dict):
            kept["items"] = self.of(schema["items"], depth + 1)
        inner = schema.get("properties")
        if isinstance(inner, dict):
            kept["properties"] = {
                name: self.of(one, depth + 1) for name, one in inner.items() if self.left > 0
            }
        return kept


def shape_of(value: Any, *, levels: int = 3) -> Schema:
    """An outline of one value."""
    kind = _TYPES.get(type(value))
    if kind != "object" or levels <= 0:
        return {"type": kind} if kind else {}
    inner = {name: shape_of(one, levels=levels - 1) for name, one in list(value.items())[:200]}
    return {"type": "object", "properties": inner}
