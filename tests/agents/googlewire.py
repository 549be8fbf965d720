"""Google's wire of `modelserver`: `/v1beta/models/<model>:generateContent`, and `:streamGenerateContent` as events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.agents.modelserver import Say

LETTERS = 12  # in one piece of a streamed text
WHOLE, STREAMED = ":generateContent", ":streamGenerateContent"


def _finish(reply: Say) -> str:
    return "MAX_TOKENS" if reply.finish == "length" else "STOP"


def _calls(reply: Say) -> list[dict[str, Any]]:
    return [
        {"functionCall": {"id": f"call_{index}", "name": name, "args": arguments}}
        for index, (name, arguments) in enumerate(reply.calls)
    ]


def _usage(reply: Say) -> dict[str, int]:
    return {
        "promptTokenCount": reply.input_tokens,
        "candidatesTokenCount": reply.output_tokens,
        "totalTokenCount": reply.input_tokens + reply.output_tokens,
    }


def _response(parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """`more`: `finishReason` of the candidate, `usageMetadata` of the whole."""
    finish = {name: more.pop(name) for name in ("finishReason",) if name in more}
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **finish}
    return {"candidates": [candidate], "modelVersion": "small", "responseId": "r1", **more}


def whole(reply: Say, _body: dict[str, Any]) -> dict[str, Any]:
    texts = [{"text": reply.text}] if reply.text else []
    return _response(
        [*texts, *_calls(reply)], finishReason=_finish(reply), usageMetadata=_usage(reply)
    )


def events(reply: Say, _body: dict[str, Any]) -> Iterator[str]:
    for start in range(0, len(reply.text), LETTERS):
        yield _event(_response([{"text": reply.text[start : start + LETTERS]}]))
    for call in _calls(reply):
        yield _event(_response([call]))
    yield _event(_response([], finishReason=_finish(reply), usageMetadata=_usage(reply)))


def _event(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told)}\r\n\r\n"


NOTHING = _event(_response([]))
