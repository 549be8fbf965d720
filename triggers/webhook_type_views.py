"""REST of webhook types: the built-in ones to read, the workspace's own to upload, try, change and delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import json
from config.lib.rest import Conflict, Invalid, Page, Unavailable
from config.lib.rest.names import refuse_unknown
from crm.rest import WorkspaceViewSet
from triggers import failures, sandbox, uploading, webhook_types
from triggers.models import OwnWebhookType
from triggers.problems import InvalidType
from triggers.serializers import Trial, TrialBody, UploadedType, WebhookTypeSerializer
from triggers.webhook_types import Incoming, WebhookType

NAME_REGEX = "[A-Za-z0-9_-]{1,50}"


@extend_schema_view(
    create=extend_schema(request=WebhookTypeSerializer, responses={201: UploadedType}),
    update=extend_schema(request=WebhookTypeSerializer, responses=UploadedType),
    partial_update=extend_schema(request=WebhookTypeSerializer, responses=UploadedType),
)
class WebhookTypeView(WorkspaceViewSet):
    """Types are known by their names, own ones by their ids too. Built-in ones cannot be changed or deleted."""

    queryset = OwnWebhookType.objects.all()
    serializer_class = WebhookTypeSerializer
    lookup_value_regex = NAME_REGEX
    put_is_partial = True
    refuses_unknown = False  # `uploading` tells of them
    etag_ignores = ("updated_at",)

    def _pk(self) -> Any:
        """Of the type with this name, else whatever the address says."""
        named = self.get_queryset().filter(name=self._name()).values_list("pk", flat=True)
        return named.first() or super()._pk()

    def _name(self) -> str:
        return str(self.kwargs["pk"]).lower()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The built-in types, then the workspace's own."""
        built_in = [_built_in(webhook_types.find(name)) for name in webhook_types.registry]
        own = self.get_serializer(self.get_queryset().order_by("name"), many=True).data
        page = Page()
        return page.get_paginated_response(page.paginate_queryset([*built_in, *own], request, self))

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if self._name() in webhook_types.registry:
            return self.answer(_built_in(webhook_types.find(self._name())))
        return super().retrieve(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._told(super().create(request, *args, **kwargs), "is stored")

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self._refuse_built_in()
        return self._told(super().update(request, *args, **kwargs), "is changed")

    def _told(self, response: Response, done: str) -> Response:
        message = f"The webhook type {response.data['webhook_type']} {done}."
        response.data |= {"status": "success", "message": message, "warnings": self.warnings}
        return response

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """409 with its triggers while any refers to it."""
        self._refuse_built_in()
        return super().destroy(request, *args, **kwargs)

    def _refuse_built_in(self) -> None:
        if self._name() in webhook_types.registry:
            raise Conflict(
                f"{self._name()} is built in: it cannot be changed or deleted.", code="builtin_type"
            )

    def perform_create(self, serializer: Any) -> OwnWebhookType:
        row = OwnWebhookType(workspace=self.workspace, created_by_id=self.request.user.pk)
        return self._store(row, serializer.validated_data)

    def perform_update(self, serializer: Any) -> OwnWebhookType:
        row = self._store(serializer.instance, serializer.validated_data)
        self.kwargs["pk"] = row.name  # which may be new
        return row

    def _store(self, row: OwnWebhookType, fields: dict[str, Any]) -> OwnWebhookType:
        try:
            self.warnings = uploading.store(row, fields)
        except (InvalidType, sandbox.CannotRun) as error:
            _refuse(error)
        return row

    def perform_destroy(self, row: OwnWebhookType) -> None:
        try:
            uploading.remove(row)
        except uploading.InUse as error:
            used = [{"id": pk, "name": name} for pk, name in error.names.items()]
            raise Conflict(str(error), code="in_use", details={"triggers": used}) from None

    # --- trying it

    @extend_schema(request=TrialBody, responses=Trial, operation_id="webhook_types_try_definition")
    @action(detail=False, methods=["post"], url_path="try")
    def try_definition(self, request: Request, **_: Any) -> Response:
        """What requests of a type that is not stored, the body's `definition`, would come to."""
        definition = self._given(request).get("definition")
        if not isinstance(definition, dict):
            message = "Give the fields of a type."
            raise Invalid(f"definition: {message}", details={"definition": [message]})
        row = OwnWebhookType(workspace=self.workspace)
        try:
            warnings = uploading.apply(row, definition, is_trial=True)
        except (InvalidType, sandbox.CannotRun) as error:
            _refuse(error, below="definition.")
        return self._tried(row, request, warnings)

    @extend_schema(request=TrialBody, responses=Trial, operation_id="webhook_types_try")
    @action(detail=True, methods=["post"], url_path="try")
    def try_stored(self, request: Request, **_: Any) -> Response:
        """What a trigger of this type would make of a request. Nothing is stored, and no event comes of it."""
        self._refuse_built_in()
        if "definition" in self._given(request):
            raise exceptions.ValidationError({"definition": ["The address names a stored type."]})
        return self._tried(self.get_object(), request, [])

    def _given(self, request: Request) -> dict[str, Any]:
        body: Any = request.data
        refuse_unknown(body, known=TrialBody().fields)
        return dict(body)

    def _tried(self, row: OwnWebhookType, request: Request, warnings: Sequence[str]) -> Response:
        asked = TrialBody(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        raw = given["raw"] if "raw" in given else json.dumps(given.get("body", row.sample_payload))
        incoming = Incoming(
            str(given.get("method") or (row.default_methods or ["POST"])[0]).upper(),
            {"content-type": webhook_types.JSON, **_lower(given.get("headers", {}))},
            raw.encode("utf-8", "replace") if isinstance(raw, str) else raw,
            query=given.get("query", ""),
        )
        found = uploading.attempt(row, incoming, config=given.get("config", {}))
        return Response({**found, "warnings": warnings})


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _refuse(error: InvalidType | sandbox.CannotRun, *, below: str = "") -> NoReturn:
    """As a failure of the request; `below`: the field of the body that holds the type."""
    if isinstance(error, InvalidType):
        raise failures.of_type(error, below=below) from None
    raise Unavailable(f"Uploaded code cannot be run now: {error}") from None


def _built_in(kind: WebhookType) -> dict[str, Any]:
    """A built-in type in the shape of a stored one."""
    return {
        "id": None,
        "webhook_type": kind.name,
        "parser": kind.name,
        "json_schema": {},
        "required_config_fields": list(kind.required_fields),
        "optional_config_fields": [
            name for name in kind.config_fields if name not in kind.required_fields
        ],
        "default_methods": list(kind.default_methods),
        "validation_required": bool(kind.required_fields),
        "response_format": "json" if kind.name == "generic" else kind.name,
        "custom_parser_code": "",
        "validation_code": "",
        "sample_payload": kind.sample()[1],
        "is_builtin": True,
        "label": kind.label,
        "setup": kind.setup,
        "version": 1,
        **dict.fromkeys(("created_by", "created_at", "updated_at")),
    }
