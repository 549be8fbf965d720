"""The API's description: each operation's errors and headers, without a word from its view."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.settings import APISettings


class ErrorBody(serializers.Serializer[dict[str, object]]):
    """The one shape of every error."""

    error_code = serializers.CharField()
    error_message = serializers.CharField()
    details = serializers.DictField()
    timestamp = serializers.DateTimeField()
    request_id = serializers.CharField()


_WORDS = {
    400: "Invalid, by field",
    401: "No token, or one that is unknown, expired or revoked",
    403: "The token's scopes or the role do not suffice",
    404: "Not there, or another workspace's",
    409: "Taken already, or in use",
    412: "Stale `If-Match`",
    413: "Larger than 1 MiB",
    415: "Not JSON",
    429: "Too many requests; `Retry-After` says when",
    503: "The database is away, or too much is going on; `Retry-After` says when to try again",
}
ALWAYS = (400, 401, 403, 503)


def failures(*statuses: int) -> dict[int, OpenApiResponse]:
    """More error answers than `Schema` adds by itself: `extend_schema(responses={200: ..., **failures(429)})`."""
    return {
        status: OpenApiResponse(ErrorBody, _WORDS[status])
        for status in sorted({*ALWAYS, *statuses})
    }


class Schema(AutoSchema):
    """Adds the error answers that every operation of its kind has, and `If-Match` where it is understood."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        for status, answer in failures(*self._expected_failures()).items():
            bodies.setdefault(str(status), self._get_response_for_code(answer, str(status)))  # type: ignore[no-untyped-call]
        return bodies

    def _get_request_body(self, direction: Any = "request") -> Any:
        """A PUT that takes partial bodies has the body of PATCH, which requires nothing."""
        is_partial = self.method == "PUT" and getattr(self.view, "put_is_partial", False)
        self.method = "PATCH" if is_partial else self.method
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = "PUT" if is_partial else self.method

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """Closed where the view refuses names that it does not know, but for `is_open` serializers, which take others
        too; `is_closed` ones take no others in any view.
        """
        shape: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        is_body = direction == "request" and getattr(serializer, "parent", None) is None
        refuses = getattr(self.view, "refuses_unknown", False)
        refuses = getattr(serializer, "is_closed", refuses)
        if is_body and refuses and not getattr(serializer, "is_open", False):
            shape["additionalProperties"] = False
        return shape

    def _expected_failures(self) -> list[int]:
        statuses = [404] if "{" in self.path else []
        if self.method in {"POST", "PUT", "PATCH"}:
            statuses += [409, 413, 415]
        if self._knows_etags():
            statuses.append(412)
        return statuses

    def _knows_etags(self) -> bool:
        return getattr(self.view, "action", "") in {
            "update",
            "partial_update",
            "destroy",
        } and hasattr(self.view, "refuse_stale")

    def get_override_parameters(self) -> list[Any]:
        parameters: list[Any] = super().get_override_parameters()
        if self._knows_etags():
            text = "The ETag that was read: 412 where the object has changed since."
            parameters.append(
                OpenApiParameter("If-Match", OpenApiTypes.STR, "header", description=text)
            )
        return parameters


class FormatInQuery(DefaultContentNegotiation):
    """`/api/schema/?format=json`; everywhere else `format` is a parameter that nobody knows."""

    settings = APISettings({"URL_FORMAT_OVERRIDE": "format"})  # type: ignore[assignment]
