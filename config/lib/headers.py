"""Security headers that Django has no setting for."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

STRICT = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
# The admin's skin runs Alpine expressions and the API page of drf-spectacular starts itself from an inline script.
_ADMIN = STRICT + "; script-src 'self' 'unsafe-eval' 'unsafe-inline'"


class SecurityHeadersMiddleware:
    """A Content-Security-Policy without inline scripts, save where a bundled page cannot do without."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        relaxed = request.path.startswith(("/admin/", "/api/docs/"))
        response.setdefault("Content-Security-Policy", _ADMIN if relaxed else STRICT)
        return response
