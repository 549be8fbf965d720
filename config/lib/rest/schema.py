"""What the API's description says about errors."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


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
    503: "The database is away; `Retry-After` says when to try again",
}
ALWAYS = (400, 401, 403, 503)


def failures(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error answers of an operation, for `extend_schema(responses={200: ..., **failures(404, 409)})`."""
    return {
        status: OpenApiResponse(ErrorBody, _WORDS[status])
        for status in sorted({*ALWAYS, *statuses})
    }
