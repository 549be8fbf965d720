"""`X-Request-ID`: taken from the caller where it is well formed, made otherwise, returned always,
and in every log line.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config.lib import logs
from config.lib.ids import uuid7

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def of(given: str) -> str:
    """The id of a request that says this of itself."""
    return given if _WELL_FORMED.match(given) else str(uuid7())


class RequestIdMiddleware:
    """Sets `request.request_id`, the correlation id of all that this request causes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = of(request.headers.get("X-Request-ID", ""))
        request.request_id = request_id  # type: ignore[attr-defined]  # ours, read by the error answers and the audit
        token = logs.correlation_id.set(request_id)
        try:
            response = self.get_response(request)
        finally:
            logs.correlation_id.reset(token)
        response["X-Request-ID"] = request_id
        return response
