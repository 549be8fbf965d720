"""Why a request is not accepted."""

from __future__ import annotations

from typing import Any

UNVERIFIED = "The signature of this request could not be verified."


class Refused(Exception):
    """`detail` is for the workspace; the sender reads `code`, `message` and `fields` only."""

    def __init__(
        self, status: int, code: str, message: str, *, detail: str = "", **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.detail = detail or message
        self.fields: dict[str, list[str]] = more.get("fields", {})
        self.headers: dict[str, str] = more.get("headers", {})


def unverified(detail: str) -> Refused:
    return Refused(401, "unverified", UNVERIFIED, detail=detail)
