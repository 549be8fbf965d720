"""The address of a webhook trigger over REST."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import clock
from config.lib.rest import Conflict
from config.lib.rest.schema import failures
from crm.access import scopes_of
from crm.rest import WorkspaceViewSet
from executions.serializers.triggers import WebhookUrl
from triggers.models import Trigger
from triggers.sources import webhook

_NO_ADDRESS = "This trigger is no webhook: it has no address."


class AddressOfTrigger(WorkspaceViewSet):
    """What the view of triggers does about addresses."""

    @extend_schema(responses={200: WebhookUrl, **failures(404, 409)})
    @action(detail=True, url_path="webhook-url")
    def webhook_url(self, request: Request, **_: Any) -> Response:
        """Where the sender calls; only its end without the scope `secrets`."""
        return self._url_of(self.get_object())

    @extend_schema(request=None, responses=WebhookUrl)
    @action(detail=True, methods=["post"], url_path="regenerate-webhook")
    def regenerate_webhook(self, request: Request, **_: Any) -> Response:
        """A new address; the old one works for another 24 hours. Whoever shares the address gets the new one too."""
        with transaction.atomic():
            trigger = self.locked_object()
            endpoint = webhook.endpoint_of(trigger)
            if endpoint is None:
                raise Conflict(_NO_ADDRESS, code="no_webhook")
            endpoint.replace_token(now=clock.now())
            self.record("regenerate_webhook", trigger)
        return self._url_of(trigger)

    def _url_of(self, trigger: Trigger) -> Response:
        found = webhook.url(trigger, in_full="secrets" in scopes_of(self.request))
        if found is None:
            raise Conflict(_NO_ADDRESS, code="no_webhook")
        return Response({"webhook_url": found})
