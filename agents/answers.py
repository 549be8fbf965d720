"""What another system answered over HTTP: read up to 1 MiB, decoded, and judged.

Messages show neither the query of an address nor known secrets that the peer repeats.
"""

from __future__ import annotations

import email.utils
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx

from agents.actions import ActionFailed
from config.lib import json, secrets

MAX_BYTES = 1024 * 1024
MAX_RETRY_AFTER = 24 * 3600.0

_KEPT_HEADERS = (
    *("content-type", "content-length", "date", "etag", "last-modified", "link", "location"),
    *("retry-after", "x-request-id"),
)
_TEXTUAL = re.compile(
    r"text/|application/(.+\+)?(json|xml|javascript|x-www-form-urlencoded|yaml)\b"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body`: the value of JSON, the text of text, None of anything else; `size` in bytes;
    `host`: who answered, see `host_of`.
    """

    status: int
    url: str
    headers: dict[str, str]
    body: Any
    size: int
    host: str = ""


class Unreadable(ActionFailed):
    """The host answered, and the answer is of no use."""

    is_answer = True


def place(url: httpx.URL) -> str:
    """A URL as messages show it: without query, fragment and user, where secrets may stand."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))[:300]


def host(url: httpx.URL) -> str:
    port = url.port if url.port is not None else (443 if url.scheme == "https" else 80)
    return f"{url.host.lower()}:{port}"


async def read(response: httpx.Response) -> Answer:
    where = place(response.url)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Unreadable(f"{where} answered compressed, though it was asked not to.")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_BYTES:
            raise Unreadable(f"{where} answered with more than {MAX_BYTES // 1024} KiB.")
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = _decode(bytes(content), kept.get("content-type", ""), response.charset_encoding)
    return Answer(response.status_code, where, kept, body, len(content), host(response.url))


def _decode(content: bytes, content_type: str, charset: str | None) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    if kind and not _TEXTUAL.match(kind):
        return None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(content) if content.strip() else None
        except json.InvalidJSON:
            pass  # a wrong label: the text is what there is
    try:
        return content.decode(charset or "utf-8", errors="replace")
    except (LookupError, ValueError):  # a charset that nobody knows
        return content.decode("utf-8", errors="replace")


def _excerpt(body: Any, known: tuple[str, ...]) -> str:
    text = body if isinstance(body, str) else json.dumps(body).decode()
    text = " ".join(secrets.redact_text(text[:2000], known=known).split())
    return text if len(text) <= 200 else text[:200] + "…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after(answer: Answer) -> float | None:
    """Seconds from now: the header holds seconds or a date (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), MAX_RETRY_AFTER)


def expect(
    answer: Answer,
    *,
    status: int | None = None,
    known: tuple[str, ...] = (),
    repeatable: bool = True,
) -> None:
    """Raises ActionFailed where the status is not the one expected (None: any 2xx).

    429, 503 and, where the request is `repeatable`, every 5xx are worth another try, when the peer says so not
    before its `Retry-After`. A request that may have taken effect is not sent again. `known` are secrets that
    the peer might repeat in its answer.
    """
    if answer.status == status or (status is None and 200 <= answer.status < 300):
        return
    said = "" if answer.body in (None, "") else f": {_excerpt(answer.body, known)}"
    if 300 <= answer.status < 400:
        location = answer.headers.get("location", "nowhere").partition("?")[0]
        said = f" to {_excerpt(location, known)}, and redirects are not followed"
    message = f"{answer.url} answered {answer.status} {_phrase(answer.status)}{said}"
    again = answer.status in {429, 503} or (repeatable and answer.status >= 500)
    at_fault = answer.status == 429 or answer.status >= 500
    raise ActionFailed(
        message,
        retryable=again,
        retry_after=_retry_after(answer) if at_fault else None,
        host=answer.host if at_fault else "",
    )
