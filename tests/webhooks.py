"""Django's test client for the addresses that a bare ASGI route answers, inside the open transaction of the test.

Everything but `/webhooks/<token>` goes to Django, as in `config.asgi`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import async_to_sync
from django import test
from django.http import HttpResponse
from django.test.client import ClientHandler

from triggers.webhook_route import PREFIX, WebhookRoute

Message = Mapping[str, Any]
PIECE = 64 * 1024  # in which a server hands a body over


class _Handler(ClientHandler):
    def get_response(self, request: Any) -> Any:
        if not request.path.startswith(PREFIX):
            return super().get_response(request)
        return async_to_sync(answer)(scope_of(request), request.read())


class Client(test.Client):
    """As Django's, with the same answers to look at."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.handler = _Handler(enforce_csrf_checks=False)


def scope_of(request: Any) -> dict[str, Any]:
    headers = [
        (name.lower().encode(), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
        if value
    ]
    if "Host" not in request.headers:
        headers.append((b"host", b"localhost"))
    return {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": request.META.get("QUERY_STRING", "").encode(),
        "headers": headers,
        "scheme": request.scheme,
        "client": (request.META["REMOTE_ADDR"], 1),
    }


async def answer(scope: dict[str, Any], body: bytes) -> HttpResponse:
    """What the route says, when all that it does is done; the rows of refused requests too."""
    route = WebhookRoute(otherwise=_nobody, own_thread=False)
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    await route(scope, in_pieces(body), send)
    await route.groups.settle()
    headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in said[1:])
    kind = headers.pop("content-type")
    headers.pop("content-length")
    return HttpResponse(content, status=said[0]["status"], headers=headers, content_type=kind)


def in_pieces(body: bytes) -> Callable[[], Awaitable[Message]]:
    parts = [body[start : start + PIECE] for start in range(0, len(body), PIECE)] or [b""]

    async def receive() -> Message:
        if not parts:
            return {"type": "http.disconnect"}
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    return receive


async def _nobody(*_: Any) -> None:
    raise AssertionError("not an address of a webhook")
