"""One line per request, by django-structlog: which route, which answer, how long it took.

The route and not the path: a path may hold the secret of a webhook, and a query that of a websocket's ticket.
"""

from __future__ import annotations

import logging
import re
import time
from functools import cache
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

_GROUP = re.compile(r"\(\?P(<\w+>)(?:[^()]|\([^()]*\))*\)")
PROBES = {"healthz", "readyz", "health", "metrics"}


class RequestLogMiddleware(RequestMiddleware):
    """The request's id is set by `RequestIdMiddleware` before; who asked is told where that was looked up anyway."""

    async_capable = (
        False  # its neighbours are not, and each change of thread costs more than the line
    )

    def prepare(self, request: HttpRequest) -> None:
        structlog.contextvars.clear_contextvars()
        request._began = time.perf_counter()  # type: ignore[attr-defined]  # ours, read below

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        took = time.perf_counter() - request._began  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(ms=round(took * 1000, 1))
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {_route(request)}"

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Never looks the user up: a public page has no session, and keeps none."""
        user = getattr(request, "_cached_user", None)
        if user is not None and user.pk:
            structlog.contextvars.bind_contextvars(user_id=user.pk)


def _route(request: HttpRequest) -> str:
    match = getattr(request, "resolver_match", None)
    return f"/{_readable(match.route)}" if match else "(no such address)"


@cache
def _readable(route: str) -> str:
    """`forms/<public_id>/` of `^forms/(?P<public_id>[a-z]{1,32})/\\Z`."""
    return (
        _GROUP.sub(r"\1", route)
        .replace("^", "")
        .removesuffix("$")
        .removesuffix("\\Z")
        .removesuffix("/?")
    )


class NoProbes(logging.Filter):
    """Health probes come every few seconds and say nothing while they are answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        said: Any = record.msg
        if not isinstance(said, dict) or said.get("code") != 200:
            return True
        return str(said.get("request", "")).rpartition("/")[2] not in PROBES


class NoGarbage(logging.Filter):
    """A websocket that sends no text is closed with 1007, and that is all; uvicorn takes it for an error of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Invalid UTF-8 sequence")
