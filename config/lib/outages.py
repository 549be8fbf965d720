"""What stands in the way for a moment: 503 with Retry-After in our error shape, for pages and for REST alike."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from config.lib import errors, waits

log = logging.getLogger(__name__)
RETRY_AFTER_SECONDS = 5


class DatabaseAwayMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        log.error("database away", exc_info=exception)
        response = errors.answer(
            request, status=503, code="unavailable", message="The database is away; try again soon."
        )
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response


class BusyMiddleware:
    """For pages; REST's handler of exceptions does it for REST."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, waits.Busy):
            return None
        response = errors.answer(request, status=503, code="busy", message=str(exception))
        response["Retry-After"] = str(waits.RETRY_AFTER_SECONDS)
        return response
