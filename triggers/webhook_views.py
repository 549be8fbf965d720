"""The address that other systems call: `/webhooks/<token>`. No login, no session, no cookie."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from config.lib import errors, json, throttle
from triggers import intake, receiving
from triggers.intake import Refused
from triggers.webhook_types import Incoming


@csrf_exempt
def receive(request: HttpRequest, webhook_id: str) -> HttpResponse:
    try:
        answer = receiving.receive(webhook_id, _incoming(request), network=throttle.peer(request))
    except Refused as refused:
        return _closed(_refusal(request, refused))
    return _closed(JsonResponse(answer.body, status=answer.status, headers=answer.headers))


def _incoming(request: HttpRequest) -> Incoming:
    try:
        body = request.body
    except RequestDataTooBig:
        body = b"\x00" * (intake.MAX_BYTES + 1)  # what counts of it is its size
    headers: Any = {
        name.lower(): json.sanitise(value)
        for name, value in request.headers.items()
        if value  # a content type that nobody sent comes as an empty text
    }
    return Incoming(
        method=request.method or "",
        headers=headers,
        body=body,
        query=request.META.get("QUERY_STRING", ""),
        peer=throttle.address(request) or "",
    )


def _refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    body = errors.error_body(
        request, code=refused.code, message=refused.message, details=refused.fields
    )
    return JsonResponse(body, status=refused.status, headers=refused.headers)


def _closed(response: HttpResponse) -> HttpResponse:
    """Nobody keeps it, and no address leaks it."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
