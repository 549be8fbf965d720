"""The one door for outgoing HTTP.

Each connection asks `addresses.admit` where its host leads and is made to one of the addresses that were
checked; Host and TLS keep the name. Proxies of the environment are not used. Answers are read as they
come, up to 1 MiB. Redirects are off unless asked for, at most 3, never from https to http, and each is
checked like a first request; to another origin neither the caller's headers nor a body go along.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpcore
import httpx
from django.conf import settings

from agents import addresses, answers
from agents.actions import ActionFailed, InDoubt
from agents.transport import CONNECT_SECONDS, CheckedTransport

MAX_REDIRECTS = 3
MAX_URL = 4000
TOTAL_SECONDS = 30.0

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


@dataclass(slots=True)
class _Hop:
    """The request that is under way: the first one, then what it was redirected to."""

    request: httpx.Request


async def request(
    method: str,
    *,
    url: str,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    follow_redirects: bool = False,
    repeatable: bool = False,
    seconds: float = TOTAL_SECONDS,
) -> answers.Answer:
    """Sends one request and reads the whole answer, whatever its status; see `expect`.

    `repeatable`: sending it twice does no harm, so that also a request of which nobody knows whether it
    arrived may be tried again; of another one, InDoubt is raised. Raises ActionFailed, with the host where it
    is the host's fault; its message never shows the query of the URL.
    """
    hop = _Hop(_request(method, url, headers or {}, content))
    try:
        async with asyncio.timeout(seconds), _client() as client:
            return await _exchange(client, hop, follow_redirects)
    except TimeoutError:
        raise _no_answer(hop, f"did not answer within {seconds:g} s", repeatable) from None
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        message = f"No connection to {answers.place(hop.request.url)}: {_cause(error)}."
        raise ActionFailed(message, retryable=True, host=answers.host(hop.request.url)) from error
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise _no_answer(hop, f"broke off: {_cause(error)}", repeatable) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{answers.place(hop.request.url)} cannot be asked: {_cause(error)}."
        raise ActionFailed(message) from error


def host_of(url: str) -> str:
    """`api.example.org:443`: what `agents.hosts` knows the other side by. Raises ActionFailed for what is no URL."""
    problem = problem_of(url)
    if problem:
        raise ActionFailed(problem)
    return answers.host(httpx.URL(url))


def place_of(url: str) -> str:
    """The URL as messages show it; call `host_of` before."""
    return answers.place(httpx.URL(url))


def problem_of(url: str) -> str | None:
    """What is wrong with a URL as far as it can be told without asking the resolver; None where nothing is."""
    try:
        _check(httpx.URL(url))
    except ActionFailed as error:
        return str(error)
    except (httpx.InvalidURL, TypeError, ValueError):
        return "This is not a web address."
    return None


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
        check_header(name, value)
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


def check_header(name: str, value: str) -> None:
    """Raises ActionFailed for what may not be sent."""
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


async def _exchange(client: httpx.AsyncClient, hop: _Hop, follow: bool) -> answers.Answer:
    first = hop.request
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(hop.request, stream=True)
        try:
            if not (follow and response.next_request):
                return await answers.read(response)
            hop.request = _onwards(hop.request, response.next_request)
        finally:
            await response.aclose()
    raise ActionFailed(f"{answers.place(first.url)} redirects more than {MAX_REDIRECTS} times.")


def _onwards(before: httpx.Request, after: httpx.Request) -> httpx.Request:
    """The redirected request, checked; what may be secret stays with the origin that it was meant for."""
    _check(after.url)
    if before.url.scheme == "https" and after.url.scheme == "http":
        raise addresses.NotAllowed(f"{answers.place(before.url)} redirects from https to http.")
    if _origin(before.url) == _origin(after.url):
        return after
    if after.method not in ("GET", "HEAD"):
        raise addresses.NotAllowed(
            f"{answers.place(before.url)} redirects what was sent to another host."
        )
    kept = {name: after.headers[name] for name in ("User-Agent", "Accept", "Accept-Encoding")}
    return httpx.Request(after.method, after.url, headers=kept)


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


def _no_answer(hop: _Hop, what: str, repeatable: bool) -> ActionFailed:
    message, host = f"{answers.place(hop.request.url)} {what}.", answers.host(hop.request.url)
    if repeatable:
        return ActionFailed(message, retryable=True, host=host)
    return InDoubt(
        f"{message} Whether the request took effect is not known, so it is not sent again.",
        host=host,
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
