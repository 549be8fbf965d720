"""Contacts in and out as CSV files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import parsers, renderers, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import audit
from config.lib.rest import Invalid, JSONRenderer
from config.lib.rest.failures import TooLarge
from crm import contact_csv, contact_import
from crm.rest import WorkspaceRows

CHOICES = ("skip", "update")


class CSVParser(parsers.BaseParser):
    """The body is the file."""

    media_type = "text/csv"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, bytes]:
        return {"file": _capped(stream.read(contact_csv.MAX_BYTES + 1))}


class CSVRenderer(renderers.BaseRenderer):
    """Lets a caller ask for text/csv; what a renderer gets to see are errors, and those are JSON."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return JSONRenderer().render(data, accepted_media_type, renderer_context)


class ImportOutcome(serializers.Serializer[dict[str, Any]]):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    skipped = serializers.IntegerField()
    failed = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.DictField())
    ignored_columns = serializers.ListField(child=serializers.CharField())


class ContactFiles(WorkspaceRows):
    """Mixed into the contacts' viewset."""

    @extend_schema(
        summary="Import contacts from a CSV file",
        description="A file as `text/csv`, or as the field `file` of `multipart/form-data`: at most 5 MiB and "
        "10,000 rows, UTF-8, with a header line. Rows with problems are left out and told by line.",
        parameters=[
            OpenApiParameter(
                "on_duplicate",
                enum=CHOICES,
                default="skip",
                description="For known e-mail addresses",
            ),
        ],
        request={
            "text/csv": OpenApiTypes.BINARY,
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            },
        },
        responses=ImportOutcome,
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="import",
        parser_classes=[CSVParser, parsers.MultiPartParser],
    )
    def import_csv(self, request: Request) -> Response:
        on_duplicate = request.query_params.get("on_duplicate", "skip")
        if on_duplicate not in CHOICES:
            raise Invalid(details={"on_duplicate": [f"Give one of: {', '.join(CHOICES)}."]})
        try:
            sheet = contact_csv.read(_file(request))
        except contact_csv.TooManyRows as error:
            raise TooLarge(str(error)) from None
        except contact_csv.UnreadableCSV as error:
            raise Invalid(str(error), code="invalid_csv", details={"file": [str(error)]}) from None
        with transaction.atomic():
            outcome = contact_import.import_contacts(
                self.workspace, sheet=sheet, overwrite=on_duplicate == "update"
            )
            told = outcome.as_dict()
            audit.record(
                request, "import", self.workspace, after={**told, "problems": len(told["problems"])}
            )
        return Response(told)

    @extend_schema(
        summary="Export contacts as a CSV file",
        description="Takes the filters of the list. Cells that begin with = + - @ are quoted with an apostrophe.",
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="A CSV file")},
    )
    @action(
        detail=False,
        methods=["get"],
        url_path="export",
        renderer_classes=[CSVRenderer, JSONRenderer],
    )
    def export_csv(self, request: Request) -> HttpResponse:
        rows = self.filter_queryset(self.get_queryset()).order_by("created_at", "pk")
        text = contact_csv.write(rows.iterator(chunk_size=2000))
        headers = {"Content-Disposition": 'attachment; filename="contacts.csv"'}
        return HttpResponse(text, headers=headers, content_type="text/csv; charset=utf-8")


def _file(request: Request) -> bytes:
    body: Any = request.data
    given = body.get("file")
    if isinstance(given, bytes):
        return given
    if given is None or not hasattr(given, "read"):
        raise Invalid(
            details={"file": ["Send a CSV file, as text/csv or in the multipart field `file`."]}
        )
    return _capped(given.read(contact_csv.MAX_BYTES + 1))


def _capped(raw: bytes) -> bytes:
    if len(raw) > contact_csv.MAX_BYTES:
        raise TooLarge(f"A file has at most {contact_csv.MAX_BYTES} bytes.")
    return raw
