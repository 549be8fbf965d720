"""Forms that stand on other sites: their programs send the answers as JSON, without login."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.lib import actors, throttle
from config.lib.rest import Conflict
from config.lib.rest.schema import failures
from crm import backlog, submissions
from crm.models import Form, Workspace

_BODY = {
    "type": "object",
    "description": "The answers, by field. Without `form_id`, any fields may stand beside `email`.",
    "properties": {
        "form_id": {"type": "string", "description": "A form's id or public id."},
        "email": {"type": "string", "format": "email"},
        "name": {"type": "string"},
    },
    "additionalProperties": True,
}
_ANSWER = inline_serializer(
    "FormSubmitted",
    {
        "success": serializers.BooleanField(),
        "contact_id": serializers.UUIDField(allow_null=True),
        "submission_id": serializers.UUIDField(),
        "event_id": serializers.UUIDField(),
        "is_new_contact": serializers.BooleanField(),
    },
)


class PerAddress(throttle.PerCaller):
    name = "form"
    setting = "FORM_PER_MINUTE"


class FormWebhook(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (PerAddress,)

    @extend_schema(
        operation_id="form_submitted",
        summary="Send the answers to a form",
        tags=["forms"],
        auth=[],
        request={"application/json": _BODY},
        responses={200: _ANSWER, **failures(404, 409, 413, 415, 429)},
    )
    def post(self, request: Request, workspace_slug: str) -> Response:
        workspace = _workspace(workspace_slug)
        answers = dict(request.data)
        form = _form(workspace, answers.pop("form_id", None))
        _limit(workspace)
        backlog.refuse_if_full(workspace)
        try:
            with actors.acting_as("system"):
                accepted = submissions.submit(form, answers, workspace=workspace)
        except submissions.Refused as refused:
            raise exceptions.ValidationError(refused.errors) from None
        except submissions.FormClosed:
            raise Conflict("This form takes no answers now.", code="form_closed") from None
        submission = accepted.submission
        return Response(
            {
                "success": True,
                "contact_id": submission.contact_id,
                "submission_id": submission.pk,
                "event_id": accepted.event_id,
                "is_new_contact": submission.is_new_contact,
            }
        )


def _workspace(slug_or_id: str) -> Workspace:
    where = {"pk": slug_or_id} if _is_uuid(slug_or_id) else {"slug": slug_or_id}
    return get_object_or_404(Workspace, **where)


def _form(workspace: Workspace, form_id: Any) -> Form | None:
    if form_id is None:
        return None
    where = {"pk": form_id} if _is_uuid(form_id) else {"public_id": form_id}
    known = isinstance(form_id, str) and len(form_id) <= 64
    form = Form.objects.filter(workspace=workspace, **where).first() if known else None
    if form is None:
        raise exceptions.ValidationError({"form_id": ["This workspace has no such form."]})
    return form


def _is_uuid(text: Any) -> bool:
    try:
        return isinstance(text, str) and bool(uuid.UUID(text))
    except ValueError:
        return False


def _limit(workspace: Workspace) -> None:
    """All addresses together."""
    wait = throttle.seconds_to_wait(
        "form_total",
        callers=[f"workspace:{workspace.pk}"],
        per_minute=settings.FORM_TOTAL_PER_MINUTE,
    )
    if wait:
        raise exceptions.Throttled(wait)
