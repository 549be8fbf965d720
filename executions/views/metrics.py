"""Metrics for Prometheus: of the whole installation for whom the operator trusts, of a workspace for its members."""

from __future__ import annotations

import hmac
import ipaddress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.lib import errors, throttle
from crm.rest import WorkspaceView
from executions import metrics


@never_cache
@require_safe
def installation(request: HttpRequest) -> HttpResponse:
    """For `METRICS_TOKEN` as a bearer token, or an address of `METRICS_ALLOW`; without either there is nothing here."""
    if not (settings.METRICS_TOKEN or settings.METRICS_ALLOW):
        return errors.not_found(request, Exception())
    if _has_token(request) or _is_allowed(throttle.address(request)):
        return HttpResponse(metrics.of_installation(), content_type=metrics.CONTENT_TYPE)
    response = errors.answer(
        request, status=401, code="unauthorized", message="Send the metrics token of this server."
    )
    response["WWW-Authenticate"] = 'Bearer realm="metrics"'
    return response


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    is_it = hmac.compare_digest(given.strip().encode(), token.encode())
    return bool(token) and scheme.lower() == "bearer" and is_it


def _is_allowed(address: str | None) -> bool:
    if address is None:
        return False
    ip = ipaddress.ip_address(address)
    return any(ip in ipaddress.ip_network(one, strict=False) for one in settings.METRICS_ALLOW)


class WorkspaceMetrics(WorkspaceView):
    """What stands in the caller's workspace now, in Prometheus' text format."""

    @extend_schema(
        operation_id="triggers_metrics", responses={(200, "text/plain"): OpenApiTypes.STR}
    )
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(
            metrics.of_workspace(self.workspace.pk), content_type=metrics.CONTENT_TYPE
        )
