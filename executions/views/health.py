"""For load balancers and supervisors: no login, and no details for strangers."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from executions import health

RETRY_AFTER_SECONDS = 5


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """This process can do its work; else 503."""
    if health.is_ready():
        return JsonResponse({"status": "ready"})
    return JsonResponse(
        {"status": "not ready"}, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
    )
