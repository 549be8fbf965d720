"""Keys to the websocket for programs, and for pages of other sites, that cannot send a session with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.models import ApiToken
from crm.rest import WorkspaceView
from executions import seats

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class TicketShape(serializers.Serializer[dict[str, Any]]):
    ticket = serializers.CharField(help_text="For `/ws/live/?ticket=`; opens one connection.")
    expires_in = serializers.IntegerField(help_text="Seconds.")


class LiveTickets(WorkspaceView):
    """A ticket allows to listen, so it needs no more than `read`."""

    scopes = {"post": "read"}

    @extend_schema(request=None, responses={201: TicketShape}, operation_id="live_tickets_create")
    def post(self, request: Request) -> Response:
        ticket = seats.issue_ticket(
            user_id=cast("User", request.user).pk,
            workspace_id=self.workspace.pk,
            token_id=request.auth.pk if isinstance(request.auth, ApiToken) else None,
        )
        return Response({"ticket": ticket, "expires_in": seats.TICKET_SECONDS}, status=201)
