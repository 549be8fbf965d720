"""REST of MCP servers: where a workspace's agents find tools, and where its triggers listen."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, models, transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.mcp import checking, trial
from agents.models import McpServer
from config.lib.rest import Conflict
from crm.rest import WorkspaceViewSet

_CHECKED = (
    *("name", "transport", "url", "headers", "command", "args", "env", "timeout_seconds"),
    "trusts_hints",
)
_PAIRS = ("headers", "env")


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class SecretPairsField(serializers.JSONField):
    """Names with secret values, answered as `[redacted]`; sent back, that keeps the stored value."""

    def to_representation(self, value: Any) -> Any:
        return checking.masked(value)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Give an object of names with texts.")
        stored = getattr(self.root.instance, str(self.field_name), None) or {}
        given = checking.unmasked(data, stored)
        if stray := checking.stray_masks(given):
            raise serializers.ValidationError(
                [f"Give the value of {name}: there is none yet." for name in stray]
            )
        return given


@extend_schema_field({"type": "string", "enum": ["http", "stdio"]})
class TransportField(serializers.CharField):
    """What is neither is refused by the model, with a sentence."""


class McpServerSerializer(serializers.ModelSerializer[McpServer]):
    """Where tools are. Values of headers and variables are written, never answered."""

    transport = TransportField(
        max_length=10, required=False, help_text="http (streamable HTTP) or stdio (a command)."
    )
    headers = SecretPairsField(required=False)
    env = SecretPairsField(required=False)
    args = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)
    timeout_seconds = serializers.IntegerField(
        required=False, min_value=1, max_value=checking.MAX_TIMEOUT
    )
    tools = serializers.SerializerMethodField()

    class Meta:
        model = McpServer
        fields = ("id", *_CHECKED, "title", "tools", "seen_at", "last_error", "created_at", "updated_at")  # fmt: skip
        read_only_fields = ("title", "seen_at", "last_error")
        extra_kwargs = {
            "trusts_hints": {
                "help_text": "What it says of its tools is believed: those that only read need no approval, and those "
                "that may be repeated are tried again after a crash."
            }
        }

    def get_tools(self, row: McpServer) -> list[dict[str, Any]]:
        """What it offered when it was asked last; in lists without schemas."""
        view = self.context.get("view")
        if getattr(view, "action", "") != "list":
            return list(row.tools)
        return [
            {name: one[name] for name in one if name not in ("schema", "description")}
            for one in row.tools
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        before = self.instance
        wanted = McpServer()
        for name in _CHECKED:
            if name in attrs or before is not None:
                setattr(wanted, name, attrs.get(name, getattr(before, name, None)))
        if problems := checking.check(wanted, before=before):
            raise serializers.ValidationError(problems)
        return attrs


class McpServerViewSet(WorkspaceViewSet):
    """Servers that speak the Model Context Protocol, over HTTP or as commands that the operator allows."""

    queryset = McpServer.objects.all()
    serializer_class = McpServerSerializer
    scopes = {
        **dict.fromkeys(("create", "update", "partial_update", "destroy"), "admin"),
        "test": "admin",
    }
    sort_fields = ("name", "created_at", "updated_at")
    sort_default = "name"
    put_is_partial = True
    etag_ignores = ("title", "tools", "seen_at", "last_error")

    def perform_create(self, serializer: Any) -> McpServer:
        return _named_once(serializer, **self.creation_values())

    def perform_update(self, serializer: Any) -> McpServer:
        forgotten: dict[str, Any] = {"tools": [], "title": "", "seen_at": None, "last_error": ""}
        moved = {"transport", "url", "command", "args"} & serializer.validated_data.keys()
        return _named_once(serializer, **(forgotten if moved else {}))

    def record(
        self,
        verb: str,
        row: models.Model,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Without the tools, which nobody here has written."""
        super().record(verb, row, before=_told(before), after=_told(after))

    @extend_schema(request=None, responses={200: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Connects and lists its tools: `{"ok", "message", "seconds", "tools"}`."""
        row = self.get_object()
        found = trial.tried(row)
        self.record("test", row, after={"ok": found.is_well})
        return Response(
            {
                "ok": found.is_well,
                "message": found.message,
                "seconds": found.seconds,
                "tools": found.tools,
            }
        )


def _told(values: dict[str, Any] | None) -> dict[str, Any] | None:
    return values and {name: value for name, value in values.items() if name != "tools"}


def _named_once(serializer: Any, **values: Any) -> McpServer:
    try:
        with transaction.atomic():
            row: McpServer = serializer.save(**values)
            return row
    except IntegrityError as error:
        if "mcp_server_once" in str(error):
            taken = "An MCP server with this name exists already."
            raise Conflict(taken, code="name_taken", details={"name": [taken]}) from None
        raise
