"""Expected failures of a request, and how each failure is answered: one shape, one code, one status."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelError
from django.db import DataError, IntegrityError
from django.db.models import F, ProtectedError, RestrictedError
from django.db.models.constraints import BaseConstraint, UniqueConstraint
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from config.lib import errors, json, waits

log = logging.getLogger(__name__)
TAKEN_CODES = {"unique", "unique_together"}


class Failure(exceptions.APIException):
    """Something that we refuse, with its own `error_code`; subclasses give the status.

    `details` is what a program may look at: `{field: [sentence, ...]}` where fields are concerned.
    """

    def __init__(
        self, message: str = "", *, code: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        self.details = dict(details or {})
        self.message = message or _summary(self.details) or str(self.default_detail)
        self.code = code or self.default_code
        super().__init__(self.message, self.code)


class Invalid(Failure):
    status_code = 400
    default_code = "invalid"
    default_detail = "The request is not valid."


class Conflict(Failure):
    status_code = 409
    default_code = "conflict"
    default_detail = "This is taken already."


class Stale(Failure):
    status_code = 412
    default_code = "stale"
    default_detail = "It has changed since you read it; read it again."


class TooLarge(Failure):
    status_code = 413
    default_code = "too_large"
    default_detail = "The body is too large."


class Unavailable(Failure):
    status_code = 503
    default_code = "unavailable"
    default_detail = "This is not available at the moment; try again soon."
    wait = 5  # seconds, for Retry-After


class Busy(Unavailable):
    default_code = "busy"
    default_detail = waits.MESSAGE
    wait = waits.RETRY_AFTER_SECONDS


CODES = {  # where Django REST framework's own word is not ours
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.AuthenticationFailed: "not_authenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "rate_limited",
    exceptions.ParseError: "invalid",
}


def answer_error(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Django REST framework's exception handler. None (a 500, logged) is only for what nobody expected."""
    failure = _expected(exc)
    if failure is None:
        return None
    body = errors.error_body(
        context["request"],
        code=_code(failure),
        message=_message(failure),
        details=json.sanitise(_details(failure)),
    )
    return Response(
        body, status=failure.status_code, headers=_headers(failure), content_type="application/json"
    )


def _expected(exc: Exception) -> exceptions.APIException | None:
    """The failure that an exception stands for; None for a bug."""
    if isinstance(exc, exceptions.ValidationError):
        return _taken(exc) or exc
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, ModelError):
        return from_model_error(exc)
    if isinstance(exc, IntegrityError | DataError):
        return from_database(exc)
    for kind, failure in _TRANSLATIONS.items():
        if isinstance(exc, kind):
            return failure()
    return None


_TRANSLATIONS: dict[type[Exception], type[exceptions.APIException]] = {
    Http404: exceptions.NotFound,
    PermissionDenied: exceptions.PermissionDenied,
    RequestDataTooBig: TooLarge,  # before its base class
    SuspiciousOperation: Invalid,
    UnreadablePostError: Invalid,
    waits.Busy: Busy,
}


def from_model_error(exc: ModelError) -> Failure:
    """What a model's `full_clean` found, by field: 409 where the one fault is that something is taken, else 400."""
    if not hasattr(exc, "error_dict"):
        return Invalid(" ".join(exc.messages), details={"non_field_errors": exc.messages})
    details = {
        "non_field_errors" if name == "__all__" else name: texts
        for name, texts in exc.message_dict.items()
    }
    found = [error.code for group in exc.error_dict.values() for error in group]
    kind = Conflict if found and all(code in TAKEN_CODES for code in found) else Invalid
    return kind(_first(details), details=details)


def from_database(exc: IntegrityError | DataError) -> Failure | None:
    """What only the database could check, as the sentence that the constraint stands for."""
    if isinstance(exc, ProtectedError | RestrictedError):
        return Conflict("Something else refers to this.", code="in_use")
    diagnosis = getattr(exc.__cause__, "diag", None)
    state = getattr(exc.__cause__, "sqlstate", None) or ""
    if state == "23505":
        return _taken_in(str(diagnosis.constraint_name) if diagnosis else "")
    if state == "23503":
        return Conflict(
            "Something that this refers to, or that refers to it, stands in the way.", code="in_use"
        )
    if state.startswith(("22", "23")):
        log.warning("the database refused a value", exc_info=exc)
        return Invalid("A value is out of range.")
    return None


def _taken_in(name: str) -> Conflict:
    constraint = next((found for found in _constraints() if found.name == name), None)
    if constraint is None:
        return Conflict()
    message = str(constraint.get_violation_error_message())
    if constraint.violation_error_message in (None, BaseConstraint.default_violation_error_message):
        message = Conflict.default_detail
    return Conflict(message, details={field: [message] for field in _fields_of(constraint)})


def _constraints() -> Iterator[UniqueConstraint]:
    for model in apps.get_models():
        yield from (
            found for found in model._meta.constraints if isinstance(found, UniqueConstraint)
        )


def _fields_of(constraint: UniqueConstraint) -> list[str]:
    named = list(constraint.fields)
    for expression in constraint.expressions:
        named += [part.name for part in _parts(expression) if type(part) is F]  # type: ignore[attr-defined]
    return [name for name in named if name != "workspace"]


def _parts(expression: Any) -> Iterator[Any]:
    """An expression with all that is inside it (django-stubs know less of F than Django does, hence Any)."""
    yield from expression.flatten() if hasattr(expression, "flatten") else [expression]


def _taken(exc: exceptions.ValidationError) -> Conflict | None:
    """A serializer's complaint, as a conflict where it only says that something is taken."""
    codes = set(_leaves(exc.get_codes()))
    if not codes or not codes <= TAKEN_CODES:
        return None
    details = _details(exc)
    return Conflict(_first(details), details=details)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif value:
        yield str(value)


def _first(details: Any) -> str:
    return next(_leaves(details), Invalid.default_detail)


def _code(failure: exceptions.APIException) -> str:
    if isinstance(failure, Failure):
        return failure.code
    return next(
        (code for kind, code in CODES.items() if isinstance(failure, kind)), failure.default_code
    )


def _message(failure: exceptions.APIException) -> str:
    if isinstance(failure, Failure):
        return failure.message
    if isinstance(failure, exceptions.Throttled):
        return f"Too many requests; try again in {math.ceil(getattr(failure, 'wait', None) or 1)} seconds."
    if isinstance(failure, exceptions.NotFound):
        return "There is nothing here under this id."  # one text for what is missing and what is someone else's
    if isinstance(failure, exceptions.ValidationError):
        return _summary(_details(failure)) or Invalid.default_detail
    return _first(failure.detail)


def _summary(details: dict[str, Any]) -> str:
    field, texts = next(iter(details.items()), ("", ""))
    sentence = next(_leaves(texts), "")
    return sentence if not sentence or field in ("", "non_field_errors") else f"{field}: {sentence}"


def _details(failure: exceptions.APIException) -> dict[str, Any]:
    if isinstance(failure, Failure):
        return failure.details
    if not isinstance(failure, exceptions.ValidationError):
        return {}
    return (
        failure.detail if isinstance(failure.detail, dict) else {"non_field_errors": failure.detail}
    )


def _headers(failure: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(failure, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(failure, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    return headers
