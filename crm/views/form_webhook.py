"""Forms that stand on other sites: their programs send the answers as JSON, without login.

Scripts on other sites may do so where the form names their site (CORS, without credentials: no cookie is asked for or
looked at). A preflight has no body and so names no form: it is answered for the workspace, the request itself for the
form.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_vary_headers
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from config.lib import actors, throttle
from config.lib.rest import Conflict
from config.lib.rest.failures import Failure
from config.lib.rest.schema import failures
from crm import backlog, embedding, submissions
from crm.models import Form, Workspace

_BODY = {
    "type": "object",
    "description": "The answers, by field. Without `form_id`, any fields may stand beside `email`.",
    "properties": {
        "form_id": {
            "type": "string",
            "nullable": True,
            "description": "A form's id or public id; null is as good as none.",
        },
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


class StrangeSite(Failure):
    status_code = 403
    default_code = "origin_not_allowed"
    default_detail = (
        "This form takes no answers from pages of this site: its owner has to name the site."
    )


class PerAddress(throttle.PerCaller):
    name = "form"
    setting = "FORM_PER_MINUTE"


class FormWebhook(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (PerAddress,)
    form: Form | None = None  # once it is known

    def get_throttles(self) -> list[BaseThrottle]:
        """A preflight is not counted: the request that follows is."""
        return [] if self.request.method == "OPTIONS" else super().get_throttles()

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Errors too are for the page that asked: it shows them."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(answer, ["Origin"])
        if (origin := _foreign_origin(request)) and self._is_welcome(origin):
            answer["Access-Control-Allow-Origin"] = origin
            answer["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"
        return answer

    def _is_welcome(self, origin: str) -> bool:
        """A workspace that does not exist answers as one whose forms do not name the site."""
        if self.form is not None:
            return origin in self.form.origins
        slug = self.kwargs["workspace_slug"]
        where = {"workspace_id" if _is_uuid(slug) else "workspace__slug": slug}
        return Form.objects.shown_at(origin).filter(**where).exists()

    @extend_schema(exclude=True)
    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """A preflight; whether the origin may go on is said by `finalize_response`."""
        told = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type, X-Request-ID",
            "Access-Control-Max-Age": "600",
            "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
        }
        return Response(status=204, headers=told)

    @extend_schema(
        operation_id="form_submitted",
        summary="Send the answers to a form",
        tags=["forms"],
        auth=[],
        request={"application/json": _BODY},
        responses={200: _ANSWER, **failures(403, 404, 409, 413, 415, 429)},
    )
    def post(self, request: Request, workspace_slug: str) -> Response:
        workspace = _workspace(workspace_slug)
        answers = dict(request.data)
        form = self.form = _form(workspace, answers.pop("form_id", None))
        _refuse_strange_site(request, form)
        _limit(workspace, form)
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


def _foreign_origin(request: Request) -> str:
    """The site whose script asks; empty for programs, and for our own pages."""
    origin = request.headers.get("Origin", "")
    return "" if origin == embedding.own_origin() else origin


def _refuse_strange_site(request: Request, form: Form | None) -> None:
    origin = _foreign_origin(request)
    if origin and (form is None or origin not in form.origins):
        raise StrangeSite


def _limit(workspace: Workspace, form: Form | None) -> None:
    """All addresses together, the form's own page included."""
    wait = throttle.seconds_to_wait(
        "form_total",
        callers=[f"form:{form.pk}" if form else f"workspace:{workspace.pk}"],
        per_minute=settings.FORM_TOTAL_PER_MINUTE,
    )
    if wait:
        raise exceptions.Throttled(wait)
