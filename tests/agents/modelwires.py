"""The wires of `modelserver`: how an answer is written, whole and as a stream of events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.agents import googlewire

if TYPE_CHECKING:
    from tests.agents.modelserver import Say

LETTERS = 12  # in one piece of a streamed text


@dataclass(frozen=True)
class Wire:
    whole: Callable[[Say, dict[str, Any]], dict[str, Any]]
    events: Callable[[Say, dict[str, Any]], Iterator[str]]


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), LETTERS):
        yield text[start : start + LETTERS]


# --- OpenAI, chat completions -----------------------------------------------------------------------


def _chat_calls(reply: Say) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(reply.calls)
    ]


def _chat_finish(reply: Say) -> str:
    return reply.finish or ("tool_calls" if reply.calls else "stop")


def _chat_usage(reply: Say) -> dict[str, int]:
    total = reply.input_tokens + reply.output_tokens
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": total,
    }


def chat_whole(reply: Say, body: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = _chat_calls(reply)
    choice = {"index": 0, "message": message, "finish_reason": _chat_finish(reply)}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": body["model"],
        "choices": [choice],
        "usage": _chat_usage(reply),
    }


def chat_events(reply: Say, body: dict[str, Any]) -> Iterator[str]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        return _chat_chunk(body, [{"index": 0, "delta": delta, "finish_reason": finish}])

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(reply.text):
        yield chunk({"content": piece})
    for index, call in enumerate(_chat_calls(reply)):
        arguments = call["function"]["arguments"]
        first = {**call, "function": {**call["function"], "arguments": ""}}
        yield chunk({"tool_calls": [{"index": index, **first}]})
        for piece in _pieces(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _chat_finish(reply))
    yield _chat_chunk(body, [], usage=_chat_usage(reply))
    yield "data: [DONE]\n\n"


def _chat_chunk(body: dict[str, Any], choices: list[Any], **more: Any) -> str:
    told = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": body["model"],
        "choices": choices,
        **more,
    }
    return f"data: {json.dumps(told)}\n\n"


# --- OpenAI, responses --------------------------------------------------------------------------------


def _items(reply: Say) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.text:
        content = [{"type": "output_text", "text": reply.text, "annotations": []}]
        items.append(
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        )
    for index, (name, arguments) in enumerate(reply.calls):
        items.append(
            {
                "type": "function_call",
                "id": f"fc_{index}",
                "call_id": f"call_{index}",
                "name": name,
                "arguments": json.dumps(arguments),
                "status": "completed",
            }
        )
    return items


def responses_whole(reply: Say, body: dict[str, Any]) -> dict[str, Any]:
    cut = reply.finish == "length"
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "model": body["model"],
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "output": _items(reply),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0},
        },
    }


def responses_events(reply: Say, body: dict[str, Any]) -> Iterator[str]:
    whole = responses_whole(reply, body)
    number = 0

    def event(kind: str, **told: Any) -> str:
        nonlocal number
        number += 1
        content = json.dumps({"type": kind, "sequence_number": number, **told})
        return f"event: {kind}\ndata: {content}\n\n"

    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=begun)
    for index, item in enumerate(whole["output"]):
        if item["type"] == "message":
            empty = {**item, "content": [], "status": "in_progress"}
            yield event("response.output_item.added", output_index=index, item=empty)
            part = {"type": "output_text", "text": "", "annotations": []}
            at = {"item_id": item["id"], "output_index": index, "content_index": 0}
            yield event("response.content_part.added", part=part, **at)
            for piece in _pieces(reply.text):
                yield event("response.output_text.delta", delta=piece, logprobs=[], **at)
            yield event("response.output_text.done", text=reply.text, logprobs=[], **at)
        else:
            empty = {**item, "arguments": "", "status": "in_progress"}
            yield event("response.output_item.added", output_index=index, item=empty)
            at = {"item_id": item["id"], "output_index": index}
            for piece in _pieces(item["arguments"]):
                yield event("response.function_call_arguments.delta", delta=piece, **at)
            yield event(
                "response.function_call_arguments.done",
                arguments=item["arguments"],
                name=item["name"],
                **at,
            )
        yield event("response.output_item.done", output_index=index, item=item)
    ended = "response.incomplete" if reply.finish == "length" else "response.completed"
    yield event(ended, response=whole)


# --- Anthropic, messages ------------------------------------------------------------------------------


def _blocks(reply: Say) -> list[dict[str, Any]]:
    texts = [{"type": "text", "text": reply.text}] if reply.text else []
    calls = [
        {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": arguments}
        for index, (name, arguments) in enumerate(reply.calls)
    ]
    return [*texts, *calls]


def _stop_reason(reply: Say) -> str:
    if reply.finish == "length":
        return "max_tokens"
    return "tool_use" if reply.calls else "end_turn"


def messages_whole(reply: Say, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": _blocks(reply),
        "stop_reason": _stop_reason(reply),
        "stop_sequence": None,
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens},
    }


def messages_events(reply: Say, body: dict[str, Any]) -> Iterator[str]:
    def event(kind: str, **told: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **told})}\n\n"

    usage = {"input_tokens": reply.input_tokens, "output_tokens": 0}
    begun = {**messages_whole(reply, body), "content": [], "stop_reason": None, "usage": usage}
    yield event("message_start", message=begun)
    for index, block in enumerate(_blocks(reply)):
        is_text = block["type"] == "text"
        empty = {**block, "text": ""} if is_text else {**block, "input": {}}
        yield event("content_block_start", index=index, content_block=empty)
        for piece in _pieces(block["text"] if is_text else json.dumps(block["input"])):
            delta = (
                {"type": "text_delta", "text": piece}
                if is_text
                else {"type": "input_json_delta", "partial_json": piece}
            )
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    yield event(
        "message_delta",
        delta={"stop_reason": _stop_reason(reply), "stop_sequence": None},
        usage={"output_tokens": reply.output_tokens},
    )
    yield event("message_stop")


GOOGLE = Wire(googlewire.whole, googlewire.events)
WIRES = {
    "/v1/chat/completions": Wire(chat_whole, chat_events),
    "/v1/responses": Wire(responses_whole, responses_events),
    "/v1/messages": Wire(messages_whole, messages_events),
}


def of(path: str, body: dict[str, Any]) -> tuple[Wire, bool]:
    """The wire that is spoken at a path, and whether the answer is wanted as a stream."""
    path = path.partition("?")[0]
    if path.endswith((googlewire.WHOLE, googlewire.STREAMED)):
        return GOOGLE, path.endswith(googlewire.STREAMED)
    return WIRES[path], bool(body.get("stream"))


def drop(path: str) -> str:
    """A piece of a stream that says nothing: a comment, which Google's library does not know."""
    return googlewire.NOTHING if path.partition("?")[0].endswith(googlewire.STREAMED) else ": \n"
