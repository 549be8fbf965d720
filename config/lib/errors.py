"""The one shape of an error answer, and Django's own error pages in it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render


def error_body(
    request: HttpRequest, *, code: str, message: str, details: Any = None
) -> dict[str, Any]:
    """`body`, with the id of the request."""
    request_id = getattr(request, "request_id", "")
    return body(code=code, message=message, details=details, request_id=request_id)


def body(*, code: str, message: str, details: Any = None, request_id: str) -> dict[str, Any]:
    """`{"error_code", "error_message", "details", "timestamp", "request_id"}`."""
    return {
        "error_code": code,
        "error_message": message,
        "details": details or {},
        "timestamp": dt.datetime.now(dt.UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "request_id": request_id,
    }


def wants_json(request: HttpRequest) -> bool:
    return request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", "")


def answer(request: HttpRequest, *, status: int, code: str, message: str) -> HttpResponse:
    """The error as JSON for programs, as a page for people."""
    told = error_body(request, code=code, message=message)
    if wants_json(request):
        return JsonResponse(told, status=status)
    return render(request, "error.html", {"status": status, **told}, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answer(
        request, status=404, code="not_found", message="There is nothing at this address."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return answer(
        request,
        status=500,
        code="server_error",
        message="Something went wrong on our side; it has been logged.",
    )
