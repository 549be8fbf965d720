"""What a tool answered, in the shape of a step's output: its text, its structure, and a word for the rest."""

from __future__ import annotations

from typing import Any

from agents.mcp import Answered
from config.lib import json

MAX_TEXT = 200_000  # characters of all its texts


def output(name: str, result: Any) -> dict[str, Any]:
    """`{"text", "structured"?, "other"?}`. Raises Answered where the tool says that it failed."""
    texts: list[str] = []
    other: list[dict[str, Any]] = []
    for block in result.content:
        _read(block, texts, other)
    text = "\n".join(texts)
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + json.TRUNCATED
    if result.is_error:
        raise Answered(f"{name} failed: {text[:4000] or 'it does not say why.'}")
    found: dict[str, Any] = {"text": text}
    structured = result.structured_content
    if structured is not None:
        found["structured"] = structured
        if len(texts) == 1 and _same(text, structured):
            found["text"] = ""  # servers repeat the structure as text
    return {**found, "other": other} if other else found


def _read(block: Any, texts: list[str], other: list[dict[str, Any]]) -> None:
    kind = block.type
    if kind == "text":
        texts.append(block.text)
    elif kind == "resource" and getattr(block.resource, "text", None) is not None:
        texts.append(block.resource.text)
    elif kind == "resource_link":
        other.append({"type": kind, "uri": str(block.uri)[:2000], "name": block.name[:200]})
    else:  # pictures, sounds, bytes: a model reads no more than that they are there
        held = getattr(block, "data", None) or getattr(getattr(block, "resource", None), "blob", "")
        other.append(
            {"type": kind, "mime_type": _mime(block), "bytes": len(str(held or "")) * 3 // 4}
        )


def _mime(block: Any) -> str:
    inner = getattr(block, "resource", block)
    return str(getattr(inner, "mime_type", "") or "")[:100]


def _same(text: str, structured: Any) -> bool:
    try:
        return bool(json.loads(text.encode()) == structured)
    except json.InvalidJSON:
        return False
