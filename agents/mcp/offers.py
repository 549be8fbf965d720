"""What a server offers, as it is stored with it and told to models: bounded, checked, and under safe names.

    {"name": "search", "title": "Search", "description": "...", "schema": {...}, "read_only": true,
     "idempotent": false, "problem": ""}

`problem` says why a model cannot use a tool: a schema that is too large, that is none, or that refers elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from agents.llm import schemas
from config.lib import json

Offer = dict[str, Any]

MAX_NAME = 128
MAX_DESCRIPTION = 1000  # characters
MAX_SCHEMA = 16 * 1024  # bytes
MAX_ALL = 512 * 1024  # of all tools of a server
MAX_WIRE_NAME = 64  # the longest that every provider of models takes
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def read(tools: list[Any]) -> list[Offer]:
    """Of tools as the SDK knows them, in their order; what does not fit any more is left out."""
    found: list[Offer] = []
    room = MAX_ALL
    for tool in tools:
        offer = _offer(tool)
        room -= len(json.dumps(offer))
        if room < 0:
            break
        if not any(one["name"] == offer["name"] for one in found):
            found.append(offer)
    return found


def _offer(tool: Any) -> Offer:
    hints = tool.annotations
    title = tool.title or (hints.title if hints else None) or ""
    schema = json.sanitise(tool.input_schema, max_bytes=10 * MAX_SCHEMA)
    problem = _problem(tool.name, schema)
    return {
        "name": json.sanitise(tool.name[:MAX_NAME]),
        "title": clean(title, 100),
        "description": clean(tool.description or "", MAX_DESCRIPTION),
        "schema": {} if problem else schema,
        "read_only": bool(hints and hints.read_only_hint),
        "idempotent": bool(hints and hints.idempotent_hint),
        "problem": problem,
    }


def _problem(name: str, schema: Any) -> str:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        return f"Its name is not 1 to {MAX_NAME} printable characters."
    if len(json.dumps(schema)) > MAX_SCHEMA:
        return f"Its schema is larger than {MAX_SCHEMA // 1024} KiB."
    return schemas.problem_of(schema)


def clean(text: str, most: int) -> str:
    """What people and models read, without characters that nobody sees."""
    seen = str(json.sanitise(_UNSEEN.sub("", text[: 2 * most]))).strip()
    return seen if len(seen) <= most else seen[: most - 1] + "…"


def find(offers: list[Offer], name: str) -> Offer | None:
    return next((one for one in offers if one["name"] == name), None)


def wire_name(server: str, tool: str) -> str:
    """Under which name a model knows it: always the same, and no other tool's.

    Names of servers hold no underscore, and those of actions never two in a row.
    """
    plain = f"{server}__{tool}"
    safe = _UNSAFE.sub("_", plain)
    if safe == plain and len(plain) <= MAX_WIRE_NAME:
        return plain
    mark = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: MAX_WIRE_NAME - 9]}_{mark}"
