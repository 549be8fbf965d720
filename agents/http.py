"""The one door for outgoing HTTP.

Each connection asks `addresses.admit` where its host leads and is made to one of the addresses that were
checked; Host and TLS keep the name. Proxies of the environment are not used. Answers are read as they
come, up to 1 MiB. Redirects are off unless asked for, at most 3, never from https to http, and each is
checked like a first request; to another origin neither the caller's headers nor a body go along.
"""

from __future__ import annotations

import asyncio
import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpcore
import httpx
from django.conf import settings

from agents import addresses
from agents.actions import ActionFailed
from agents.transport import CONNECT_SECONDS, CheckedTransport
from config.lib import json, secrets

MAX_BYTES = 1024 * 1024
MAX_REDIRECTS = 3
MAX_URL = 4000
TOTAL_SECONDS = 30.0
MAX_RETRY_AFTER = 24 * 3600.0

_KEPT_HEADERS = (
    *("content-type", "content-length", "date", "etag", "last-modified", "link", "location"),
    *("retry-after", "x-request-id"),
)
_OUR_HEADERS = frozenset(
    (
        *(
            "host",
            "content-length",
            "transfer-encoding",
            "te",
            "trailer",
            "connection",
            "keep-alive",
        ),
        *("upgrade", "expect", "accept-encoding", "proxy-authorization", "proxy-connection"),
    )
)
_HOST = re.compile(rb"[A-Za-z0-9._:-]{1,255}\Z")  # after IDNA; an IPv6 address without a zone
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4000}\Z")
_TEXTUAL = re.compile(
    r"text/|application/(.+\+)?(json|xml|javascript|x-www-form-urlencoded|yaml)\b"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body`: the value of JSON, the text of text, None of anything else; `size` in bytes."""

    status: int
    url: str
    headers: dict[str, str]
    body: Any
    size: int


async def request(
    method: str,
    *,
    url: str,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    follow_redirects: bool = False,
    repeatable: bool = False,
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """Sends one request and reads the whole answer, whatever its status; see `expect`.

    `repeatable`: sending it twice does no harm, so that also a request of which nobody knows whether it
    arrived may be tried again. Raises ActionFailed; its message never shows the query of the URL.
    """
    first = _request(method, url, headers or {}, content)
    where = place(first.url)
    try:
        async with asyncio.timeout(seconds), _client() as client:
            return await _exchange(client, first, follow_redirects)
    except TimeoutError:
        raise _no_answer(f"{where} did not answer within {seconds:g} s.", repeatable) from None
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise ActionFailed(f"No connection to {where}: {_cause(error)}.", retryable=True) from error
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise _no_answer(f"{where} broke off: {_cause(error)}.", repeatable) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ActionFailed(f"{where} cannot be asked: {_cause(error)}.") from error


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
    raise ActionFailed(
        message, retryable=again, retry_after=_retry_after(answer) if again else None
    )


def problem_of(url: str) -> str | None:
    """What is wrong with a URL as far as it can be told without asking the resolver; None where nothing is."""
    try:
        _check(httpx.URL(url))
    except ActionFailed as error:
        return str(error)
    except (httpx.InvalidURL, TypeError, ValueError):
        return "This is not a web address."
    return None


def place(url: httpx.URL) -> str:
    """A URL as messages show it: without query, fragment and user, where secrets may stand."""
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))[:300]


# --- one request ----------------------------------------------------------------------------------


def _request(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None
) -> httpx.Request:
    if len(url) > MAX_URL:
        raise ActionFailed(f"The URL is longer than {MAX_URL} characters.")
    problem = problem_of(url)
    if problem:
        raise ActionFailed(problem)
    for name, value in headers.items():
        _check_header(name, value)
    ours = {
        "User-Agent": f"Triggerfish/{settings.VERSION}",
        "Accept": "application/json, */*;q=0.5",
    }
    given = {name.lower() for name in headers}
    ours = {name: value for name, value in ours.items() if name.lower() not in given}
    # No compression: a small answer must not unpack into a large one.
    return httpx.Request(
        method, url, headers={**ours, **headers, "Accept-Encoding": "identity"}, content=content
    )


def _check_header(name: str, value: str) -> None:
    if not _HEADER_NAME.match(name):
        raise ActionFailed(f"{name[:100]!r} is not a header name.")
    if name.lower() in _OUR_HEADERS:
        raise ActionFailed(f"The header {name} is set by the system.")
    if not _HEADER_VALUE.match(value):
        raise ActionFailed(
            f"The header {name} has a line break or another character that is not allowed."
        )


def _check(url: httpx.URL) -> None:
    """Refuses what no resolver has to be asked for."""
    if url.scheme not in ("http", "https"):
        raise addresses.NotAllowed("Only http:// and https:// addresses can be asked.")
    if not _HOST.match(url.raw_host):
        raise addresses.NotAllowed("The URL names no host.")
    if url.userinfo:
        raise addresses.NotAllowed(
            "Put the user name and password into a header, not into the URL."
        )
    port = url.port if url.port is not None else (443 if url.scheme == "https" else 80)
    addresses.refuse_literal(url.host, port=port)


# --- the exchange ---------------------------------------------------------------------------------


async def _exchange(client: httpx.AsyncClient, first: httpx.Request, follow: bool) -> Answer:
    request = first
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(request, stream=True)
        try:
            if not (follow and response.next_request):
                return await _read(response)
            request = _onwards(request, response.next_request)
        finally:
            await response.aclose()
    raise ActionFailed(f"{place(first.url)} redirects more than {MAX_REDIRECTS} times.")


def _onwards(before: httpx.Request, after: httpx.Request) -> httpx.Request:
    """The redirected request, checked; what may be secret stays with the origin that it was meant for."""
    _check(after.url)
    if before.url.scheme == "https" and after.url.scheme == "http":
        raise addresses.NotAllowed(f"{place(before.url)} redirects from https to http.")
    if _origin(before.url) == _origin(after.url):
        return after
    if after.method not in ("GET", "HEAD"):
        raise addresses.NotAllowed(f"{place(before.url)} redirects what was sent to another host.")
    kept = {name: after.headers[name] for name in ("User-Agent", "Accept", "Accept-Encoding")}
    return httpx.Request(after.method, after.url, headers=kept)


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


async def _read(response: httpx.Response) -> Answer:
    where = place(response.url)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ActionFailed(f"{where} answered compressed, though it was asked not to.")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_BYTES:
            raise ActionFailed(f"{where} answered with more than {MAX_BYTES // 1024} KiB.")
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    body = _decode(bytes(content), kept.get("content-type", ""), response.charset_encoding)
    return Answer(response.status_code, where, kept, body, len(content))


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


def _no_answer(message: str, repeatable: bool) -> ActionFailed:
    if repeatable:
        return ActionFailed(message, retryable=True)
    return ActionFailed(
        f"{message} Whether the request took effect is not known, so it is not sent again."
    )


def _cause(error: Exception) -> str:
    return str(error).rstrip(".")[:200] or type(error).__name__


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=CheckedTransport(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # `request` bounds the whole
    )
