"""The public page of a form: no login, no cookie, no script.

What a person typed is never lost: whatever goes wrong, the page comes back with it and says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, UnreadablePostError
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from config.lib import actors, throttle
from crm import backlog, embedding, form_fields, form_tokens, submissions
from crm.models import Form

TOKEN = "_token"  # noqa: S105 - the name of an input, which no field of a form can have
HONEYPOT = "_homepage"  # people do not see it; who fills it in is a program
_AGAIN = "Your answers are still here: please look at them and send them again."
_AUTOCOMPLETE = {
    "name": "name",
    "full_name": "name",
    "first_name": "given-name",
    "last_name": "family-name",
    "email": "email",
    "phone": "tel",
    "company": "organization",
    "title": "organization-title",
    "job_title": "organization-title",
}


@method_decorator(
    [csrf_exempt, never_cache], name="dispatch"
)  # the token does what a CSRF cookie would
class FormPage(View):
    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest, public_id: str) -> HttpResponse:
        form = _find(public_id)
        return _page(request, form) if form.is_open else _closed(request, form, status=200)

    def post(self, request: HttpRequest, public_id: str) -> HttpResponse:
        form = _find(public_id)
        if wait := _seconds_to_wait(request, form):
            return _try_later(request, form, wait)
        try:
            answers = _answers(request)
        except RequestDataTooBig:
            return _page(request, form, problem="Your answers are too long to be sent.", status=413)
        except (SuspiciousOperation, BadRequest, UnreadablePostError):
            return _page(request, form, problem="Your answers did not arrive whole.", status=400)
        token = request.POST.get(TOKEN, "")
        try:
            age = form_tokens.age(token, form)
        except form_tokens.Unusable as unusable:
            return _page(request, form, answers=answers, problem=f"{unusable} {_AGAIN}", status=403)
        is_spam = bool(request.POST.get(HONEYPOT)) or age < settings.FORM_MIN_SECONDS
        if not is_spam and (wait := backlog.seconds_to_wait(form.workspace)):
            return _too_busy(request, form, answers, token=token, wait=wait)
        return _submit(request, form, answers, token=token, is_spam=is_spam)


@method_decorator(never_cache, name="dispatch")
class ThanksPage(View):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, public_id: str) -> HttpResponse:
        return _rendered(request, "forms/thanks.html", {"form": _find(public_id)})


def _submit(
    request: HttpRequest, form: Form, answers: Mapping[str, Any], *, token: str, is_spam: bool
) -> HttpResponse:
    try:
        with actors.acting_as("system"):  # also where somebody of ours tries the form out
            sending = form_tokens.sending(token, answers)
            submissions.submit(form, answers, is_spam=is_spam, sending=sending)
    except submissions.FormClosed:
        return _closed(request, form, status=409)
    except submissions.Refused as refused:
        return _page(request, form, answers=answers, errors=refused.errors, token=token, status=400)
    thanks = HttpResponseRedirect(reverse("form_thanks", args=[form.public_id]) + _suffix(request))
    thanks.status_code = 303  # so that a reload does not send the answers again
    return thanks


def _find(public_id: str) -> Form:
    return get_object_or_404(Form.objects.select_related("workspace"), public_id=public_id)


def _seconds_to_wait(request: HttpRequest, form: Form) -> int:
    address = [f"peer:{throttle.peer(request)}"]
    return throttle.seconds_to_wait(
        "form", callers=address, per_minute=settings.FORM_PER_MINUTE
    ) or throttle.seconds_to_wait(
        "form_total", callers=[f"form:{form.pk}"], per_minute=settings.FORM_TOTAL_PER_MINUTE
    )


def _try_later(request: HttpRequest, form: Form, wait: int) -> HttpResponse:
    try:
        answers = _answers(request)
    except (SuspiciousOperation, BadRequest, UnreadablePostError):
        answers = {}
    problem = (
        f"This form is being answered very often just now. Please wait {wait} seconds. {_AGAIN}"
    )
    response = _page(request, form, answers=answers, problem=problem, status=429)
    response["Retry-After"] = str(wait)
    return response


def _too_busy(
    request: HttpRequest, form: Form, answers: Mapping[str, Any], *, token: str, wait: int
) -> HttpResponse:
    problem = f"We have more to do than we can take just now. Please wait {wait} seconds. {_AGAIN}"
    response = _page(request, form, answers=answers, problem=problem, token=token, status=429)
    response["Retry-After"] = str(wait)
    return response


def _answers(request: HttpRequest) -> dict[str, Any]:
    """What was typed, by field; a file is named, so that it is refused as a field that the form does not have."""
    typed = {name: request.POST[name] for name in request.POST if name not in (TOKEN, HONEYPOT)}
    return {**typed, **dict.fromkeys(request.FILES, "file")}


def _page(
    request: HttpRequest,
    form: Form,
    *,
    answers: Mapping[str, Any] | None = None,
    errors: form_fields.Errors | None = None,
    problem: str = "",
    token: str = "",
    status: int = 200,
) -> HttpResponse:
    """The form; where it comes back it is filled in, and its token is old enough to be sent at once."""
    answers, errors = answers or {}, errors or {}
    aged = settings.FORM_MIN_SECONDS if status != 200 else 0.0
    fields = [_shown(field, answers, errors) for field in form.fields]
    known = {field["name"] for field in fields}
    context = {
        "form": form,
        "fields": fields,
        "token": token or form_tokens.issue(form, aged=aged),
        "token_name": TOKEN,
        "honeypot": HONEYPOT,
        "problem": problem,
        "wrong": [field for field in fields if field["error"]],
        "others": [(name, texts[0]) for name, texts in errors.items() if name not in known][:10],
    }
    return _rendered(request, "forms/form.html", context, status=status)


def _shown(
    field: form_fields.FormField, answers: Mapping[str, Any], errors: form_fields.Errors
) -> dict[str, Any]:
    """A field as the template wants it."""
    name, kind = field["name"], field["type"]
    value = str(answers.get(name, ""))
    return {
        **field,
        "value": value.replace("\x00", ""),
        "error": " ".join(errors.get(name, [])),
        "max_length": form_fields.MAX_LENGTHS[kind],
        "input_type": "text"
        if kind == "number"
        else kind,  # a number field forgets what it cannot read
        "input_mode": "decimal" if kind == "number" else "",
        "autocomplete": _AUTOCOMPLETE.get(name, {"email": "email", "tel": "tel"}.get(kind, "")),
        "described_by": " ".join(
            f"{part}-{name}"
            for part, is_there in (("help", field.get("help")), ("error", errors.get(name)))
            if is_there
        ),
    }


def _closed(request: HttpRequest, form: Form, *, status: int) -> HttpResponse:
    return _rendered(request, "forms/closed.html", {"form": form}, status=status)


def _rendered(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The template does not get the request, so that nothing of a session is looked at."""
    context |= {"suffix": _suffix(request)}
    response = HttpResponse(render_to_string(template, context), status=status)
    return embedding.allow_frames(response, context["form"])


def _suffix(request: HttpRequest) -> str:
    """What follows the address of each page of a form that stands in a frame."""
    return f"?{embedding.PARAMETER}" if embedding.PARAMETER in request.GET else ""
