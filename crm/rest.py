"""The base of every REST view: one workspace, stale writes refused, each change audited once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar

import orjson
from django.contrib.auth.models import User
from django.db import models, transaction
from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework import serializers, viewsets
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.lib import audit, json
from config.lib.rest import DeclaredFilters, Stale
from config.lib.rest.filtering import StrictQuery
from config.lib.rest.names import refuse_unknown
from crm.models import Workspace
from crm.signals import about_to_lock

UUID_REGEX = "-?".join(f"[0-9a-fA-F]{{{digits}}}" for digits in (8, 4, 4, 4, 12))


def workspace_of(request: Request) -> Workspace:
    """The workspace that a request acts in; `HasWorkspaceScope` lets nobody pass without one."""
    workspace: Workspace = request._request.workspace  # type: ignore[attr-defined]
    return workspace


class _Related(serializers.PrimaryKeyRelatedField[Any]):
    """An id or null; Django REST framework takes an empty text for null, which is neither."""

    def run_validation(self, data: Any = empty) -> Any:
        if data == "":
            self.fail("incorrect_type", data_type="str")
        return super().run_validation(data)


class OwnRelated(_Related):
    """A reference to a row of the request's own workspace; all others do not exist."""

    default_error_messages = {"does_not_exist": "There is nothing with the id {pk_value}."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("pk_field", serializers.UUIDField())
        super().__init__(**kwargs)

    def get_queryset(self) -> Any:
        queryset: Any = super().get_queryset()
        return queryset.filter(workspace=workspace_of(self.context["request"]))


class MemberRelated(_Related):
    """A reference to a user who belongs to the request's workspace."""

    default_error_messages = {"does_not_exist": "There is no member with the id {pk_value}."}

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("queryset", User.objects.all())
        kwargs.setdefault("pk_field", serializers.IntegerField(min_value=1, max_value=2**31 - 1))
        super().__init__(**kwargs)

    def get_queryset(self) -> Any:
        queryset: Any = super().get_queryset()
        return queryset.filter(memberships__workspace=workspace_of(self.context["request"]))


class WorkspaceView(StrictQuery, APIView):
    """Base of views that are not about one kind of row."""

    @property
    def workspace(self) -> Workspace:
        return workspace_of(self.request)


class WorkspaceRows(StrictQuery, viewsets.GenericViewSet[Any]):
    """The rows of the request's workspace, and of no other.

    A subclass names `queryset`, `serializer_class`, and where it likes `filters`, `search_fields`, `sort_fields`,
    `scopes`, `etag_ignores` (fields that change by themselves and make no write stale), and `refuses_unknown = False`
    where it tells of unknown fields in its own way.
    """

    filter_backends: Sequence[type[DeclaredFilters]] = (DeclaredFilters,)
    lookup_value_regex = UUID_REGEX
    etag_ignores: ClassVar[tuple[str, ...]] = ()
    refuses_unknown: ClassVar[bool] = True

    @property
    def workspace(self) -> Workspace:
        return workspace_of(self.request)

    def get_queryset(self) -> models.QuerySet[Any]:
        queryset: models.QuerySet[Any] = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return queryset.none()
        return queryset.filter(workspace=self.workspace)

    def get_object(self) -> Any:
        """404 for what is not there and for what is somebody else's alike."""
        row = get_object_or_404(self.get_queryset(), pk=self._pk())
        self.check_object_permissions(self.request, row)
        return row

    def locked_object(self) -> Any:
        """`get_object`, read under the row's lock: call it inside `transaction.atomic()`."""
        model = self.get_queryset().model
        rows = model._default_manager.filter(workspace=self.workspace, pk=self._pk()).order_by()
        about_to_lock.send(model, rows=rows, deleting=False)
        get_object_or_404(rows.select_for_update(no_key=True))
        return self.get_object()

    def _pk(self) -> Any:
        text = self.kwargs[self.lookup_url_kwarg or self.lookup_field]
        try:
            return self.get_queryset().model._meta.pk.to_python(text)
        except Exception as error:
            raise Http404 from error

    def represent(self, row: models.Model) -> dict[str, Any]:
        """What GET answers for this row."""
        return dict(self.get_serializer(row).data)

    def check(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """400 by field for what the serializer refuses, and for fields that it does not have."""
        if self.refuses_unknown and isinstance(serializer, serializers.Serializer):
            refuse_unknown(self.request.data, known=serializer.fields)
        serializer.is_valid(raise_exception=True)

    def etag(self, representation: dict[str, Any]) -> str:
        seen = {
            name: value for name, value in representation.items() if name not in self.etag_ignores
        }
        in_order = orjson.dumps(orjson.loads(json.dumps(seen)), option=orjson.OPT_SORT_KEYS)
        return f'"{hashlib.sha256(in_order).hexdigest()[:32]}"'

    def refuse_stale(self, representation: dict[str, Any]) -> None:
        """412 where `If-Match` names another state than the present one. Ask it under the row's lock."""
        wanted = self.request.headers.get("If-Match")
        if wanted is None or wanted.strip() == "*":
            return
        if self.etag(representation) not in {part.strip() for part in wanted.split(",")}:
            raise Stale

    def answer(self, representation: dict[str, Any], *, status: int = 200) -> Response:
        return Response(representation, status=status, headers={"ETag": self.etag(representation)})

    def record(
        self,
        verb: str,
        row: models.Model,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """One audit row; `executions.audit` keeps what changed, without secrets. Call it inside the transaction."""
        audit.record(self.request, verb, row, before=before, after=after)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.represent(self.get_object()))


class WorkspaceViewSet(WorkspaceRows):
    """List, create, get, put, patch and delete. A view whose PUT takes partial bodies says `put_is_partial = True`."""

    put_is_partial: ClassVar[bool] = False

    def creation_values(self) -> dict[str, Any]:
        """What a new row gets beside the body's values."""
        return {"workspace": self.workspace}

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        self.check(serializer)
        with transaction.atomic():
            row = self.perform_create(serializer)
            after = self.represent(self.get_queryset().get(pk=row.pk))
            self.record("create", row, after=after)
        return self.answer(after, status=201)

    def perform_create(self, serializer: Any) -> Any:
        """Writes the row and answers it; runs inside the transaction of `create`."""
        return serializer.save(**self.creation_values())

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        partial = kwargs.get("partial", False) or self.put_is_partial
        with transaction.atomic():
            row = self.locked_object()
            before = self.represent(row)
            self.refuse_stale(before)
            serializer = self.get_serializer(row, data=request.data, partial=partial)
            self.check(serializer)
            self.perform_update(serializer)
            after = self.represent(self.get_object())
            self.record("update", row, before=before, after=after)
        return self.answer(after)

    def perform_update(self, serializer: Any) -> Any:
        """Writes the change and answers the row; runs inside the transaction of `update`, under the row's lock."""
        return serializer.save()

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.update(request, *args, **{**kwargs, "partial": True})

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            row = self.locked_object()
            before = self.represent(row)
            self.refuse_stale(before)
            self.record("delete", row, before=before)
            self.perform_destroy(row)
        return Response(status=204)

    def perform_destroy(self, row: Any) -> None:
        """Deletes the row; runs inside the transaction of `destroy`."""
        row.delete()
