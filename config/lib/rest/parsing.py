"""Bodies: strict JSON in, one form of JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers, renderers

from config.lib import json
from config.lib.rest.failures import Invalid, TooLarge

MAX_BODY_BYTES = json.MAX_BYTES


class StrictJSONParser(parsers.JSONParser):
    """Takes one JSON object of at most 1 MiB; what is wrong is answered with its place in the body.

    Django itself reads no more than DATA_UPLOAD_MAX_MEMORY_SIZE of it, whatever Content-Length says.
    """

    takes: tuple[type, ...] = (dict,)
    wanted = "Send a JSON object."

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        raw = stream.read(MAX_BODY_BYTES + 1)
        if len(raw) > MAX_BODY_BYTES:
            raise TooLarge(f"A body has at most {MAX_BODY_BYTES} bytes.")
        try:
            value = json.loads(raw)
        except json.InvalidJSON as error:
            raise Invalid(
                f"The body is not valid JSON: {error}.",
                code="invalid_json",
                details={"position": error.position, "body": [error.message]},
            ) from None
        if not isinstance(value, self.takes):
            raise Invalid(self.wanted, details={"body": ["This is not what is asked for here."]})
        return value  # type: ignore[return-value]  # what `takes` says


class ObjectOrListParser(StrictJSONParser):
    """Takes a list of objects too."""

    takes = (dict, list)
    wanted = "Send a JSON object, or a list of objects."


class JSONRenderer(renderers.BaseRenderer):
    """UTC times ending in `Z`, decimals as numbers (`config.lib.json` has the rules)."""

    media_type = "application/json"
    format = "json"
    charset = None  # JSON is UTF-8

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else json.dumps(data)
