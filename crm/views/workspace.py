"""REST of the workspace itself, its members and its tokens."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib.rest import Filter
from crm import members, stages, tokens
from crm.models import ApiToken, Membership, Role, Workspace
from crm.rest import WorkspaceRows, WorkspaceViewSet
from crm.serializers import workspace as shapes


class WorkspaceSelf(WorkspaceRows):
    """The one workspace that the request acts in, at a fixed address."""

    queryset = Workspace.objects.all()
    serializer_class = shapes.WorkspaceSerializer
    scopes = {"partial_update": "admin"}
    pagination_class = None
    filter_backends = ()

    def get_queryset(self) -> Any:
        return Workspace.objects.filter(pk=self.workspace.pk)

    @extend_schema(operation_id="workspace_get")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.represent(self.get_queryset().get()))

    @extend_schema(operation_id="workspace_change")
    def partial_update(self, request: Request) -> Response:
        with transaction.atomic():
            row = self.get_queryset().select_for_update().get()
            before = self.represent(row)
            self.refuse_stale(before)
            serializer = self.get_serializer(row, data=request.data, partial=True)
            self.check(serializer)
            renames = serializer.validated_data.pop("rename_stages", None)
            wanted = serializer.validated_data.pop("stages", None)
            serializer.save()
            if wanted is not None or renames:
                stages.change(row, stages=wanted, renames=renames)
            after = self.represent(self.get_queryset().get())
            self.record("update", row, before=before, after=after)
        return self.answer(after)


class MemberViewSet(WorkspaceViewSet):
    queryset = Membership.objects.select_related("user")
    serializer_class = shapes.MembershipSerializer
    scopes = {"create": "admin", "partial_update": "admin", "destroy": "admin", "invite": "admin"}
    http_method_names = ("get", "post", "patch", "delete")
    sort_fields = {
        "created_at": "created_at",
        "role": "role",
        "email": "user__email",
        "username": "user__username",
    }
    sort_default = "created_at"
    search_fields = ("user__email", "user__username", "user__first_name", "user__last_name")
    filters = {"role": Filter("role", serializers.ChoiceField(choices=Role.choices))}

    @extend_schema(
        request=shapes.InvitationSerializer, responses={201: shapes.MembershipSerializer}
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invitation = shapes.InvitationSerializer(
            data=request.data, context=self.get_serializer_context()
        )
        self.check(invitation)
        with transaction.atomic():
            row = members.invite(self.workspace, **invitation.validated_data)
            after = self.represent(row)
            self.record("create", row, after=after)
        return self.answer(after, status=201)

    @extend_schema(request=None, responses={204: None}, summary="Write to the member again")
    @action(detail=True, methods=["post"])
    def invite(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        with transaction.atomic():
            self.record("invite", row)
            transaction.on_commit(lambda: members.write_to(row), robust=True)
        return Response(status=204)

    def perform_update(self, serializer: Any) -> None:
        row = serializer.instance
        self._refuse_owner(row)
        if "role" in serializer.validated_data:
            members.change_role(row, role=serializer.validated_data["role"])

    def perform_destroy(self, row: Any) -> None:
        self._refuse_owner(row)
        members.remove(row)

    def _refuse_owner(self, row: Membership) -> None:
        mine: Membership = self.request._request.membership  # type: ignore[attr-defined]
        if row.role == Role.OWNER and mine.role != Role.OWNER:
            raise PermissionDenied("Only an owner can change an owner.")


class TokenViewSet(WorkspaceViewSet):
    """Tokens are created and revoked, never changed."""

    queryset = ApiToken.objects.all()
    serializer_class = shapes.TokenSerializer
    scopes = {"list": "admin", "retrieve": "admin", "create": "admin", "destroy": "admin"}
    http_method_names = ("get", "post", "delete")
    sort_fields = ("created_at", "name", "last_used_at", "expires_at")
    search_fields = ("name", "last4")
    etag_ignores = ("last_used_at",)
    filters = {
        "is_revoked": Filter(
            field=serializers.BooleanField(),
            apply=lambda rows, gone: rows.filter(revoked_at__isnull=not gone),
        )
    }

    @extend_schema(responses={201: shapes.NewTokenSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        self.check(serializer)
        with transaction.atomic():
            user = cast("User", request.user)  # nobody else passes HasWorkspaceScope
            row, secret = tokens.issue(self.workspace, user=user, **serializer.validated_data)
            after = self.represent(row)
            self.record("create", row, after=after)
        return self.answer({**after, "token": secret}, status=201)

    def perform_destroy(self, row: Any) -> None:
        tokens.revoke(row)
