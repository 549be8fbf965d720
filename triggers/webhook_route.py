"""The address that other systems call: `/webhooks/<token>`, a bare ASGI route in front of Django.

No login, no session, no cookie, no middleware: what Django's would do for such a request is done here, because asking
them takes ten times as long as the request itself.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from config.lib import errors, json, logs, measures, request_ids, throttle
from config.lib.headers import STRICT
from triggers import receiving
from triggers.intake import MAX_BYTES, Refused
from triggers.receiving import Answer, Arrival
from triggers.webhook_groups import BUSY, Groups
from triggers.webhook_types import Incoming

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)
PREFIX = "/webhooks/"
_PATH = re.compile(r"/webhooks/([^/]{1,100})/?\Z")
_ROUTE, _NO_ROUTE = "/webhooks/<webhook_id>", "(no such address)"
_PEER_SHARE = 4  # one peer may fill a quarter of the room for bodies
DRAIN_SECONDS, DRAIN_BYTES = 2.0, 16 * MAX_BYTES
_LOCAL_HOSTS = [".localhost", "127.0.0.1", "[::1]"]  # what Django answers to while it debugs
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", STRICT.encode()),
]


class _Gone(Exception):
    """The sender hung up before all of its request was here."""


class _Cut(Exception):
    """The body was not read to its end: why, and how much of it was."""

    def __init__(self, refused: Refused, size: int) -> None:
        super().__init__(refused.message)
        self.refused, self.size = refused, size


class WebhookRoute:
    """Answers what is below PREFIX; everything else goes to `otherwise`."""

    def __init__(self, otherwise: App, *, own_thread: bool = True) -> None:
        self._otherwise = otherwise
        self.groups = Groups(own_thread=own_thread)
        self._reading = 0  # bytes of bodies that are not here whole
        self._reading_of: Counter[str] = Counter()
        self._lines: list[logs.Line] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if not path.startswith(PREFIX):
            await self._otherwise(scope, receive, send)
            return
        began = time.perf_counter()
        headers = _headers(scope["headers"])
        request_id = request_ids.of(headers.get("x-request-id", ""))
        found = _PATH.match(path)
        is_cut = False
        try:
            answer: Answer | Refused = _outside(scope, headers) or receiving.NOT_FOUND
            if answer is receiving.NOT_FOUND and found:
                arrival = await self._arrival(found[1], scope, headers, receive, request_id)
                is_cut = arrival.fault is not None
                answer = await self.groups.answer(arrival)
        except _Gone:
            return
        except Exception:
            log.exception("webhook not answered")
            answer = receiving.FAILED
        self._tell(scope["method"], found is not None, answer.status, began, request_id)
        _measure(answer, time.perf_counter() - began)
        more = [(b"x-request-id", request_id.encode())]
        if is_cut:
            more.append((b"connection", b"close"))
        if settings.SECURE_HSTS_SECONDS and _is_secure(scope, headers):
            more.append((b"strict-transport-security", _hsts()))
        await _send(send, answer, more, request_id=request_id, is_last=not is_cut)
        if is_cut:
            await _drain(receive, send)

    async def _arrival(
        self,
        token: str,
        scope: Scope,
        headers: dict[str, str],
        receive: Receive,
        request_id: str,
    ) -> Arrival:
        """Raises _Gone."""
        peer = throttle.real_peer(
            (scope.get("client") or ("",))[0], headers.get("x-forwarded-for", "")
        )
        network = throttle.network(peer)
        fault, body = None, b""
        try:
            body = await self._body(receive, headers, network)
            size = len(body)
        except _Cut as cut:
            fault, size = cut.refused, cut.size
        incoming = Incoming(
            method=scope["method"],
            headers=headers,
            body=body,
            query=scope.get("query_string", b"").decode("latin-1"),
            peer=peer or "",
        )
        return Arrival(token, incoming, network, request_id, fault=fault, size=size)

    async def _body(self, receive: Receive, headers: dict[str, str], network: str) -> bytes:
        """The bytes as they came. Raises _Cut where they are too many or too slow, _Gone."""
        declared = headers.get("content-length", "")
        if declared.isdecimal() and len(declared) < 20 and int(declared) > MAX_BYTES:
            raise _Cut(_too_large(), int(declared))
        parts: list[bytes] = []
        size = held = 0
        try:
            async with asyncio.timeout(settings.WEBHOOK_BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    part = message.get("body", b"")
                    parts.append(part)
                    size += len(part)
                    if size > MAX_BYTES:
                        raise _Cut(_too_large(), size)
                    if not message.get("more_body"):
                        return parts[0] if len(parts) == 1 else b"".join(parts)
                    self._hold(network, len(part), size)
                    held += len(part)
        except TimeoutError:
            said = f"The body took longer than {settings.WEBHOOK_BODY_SECONDS:g} seconds."
            raise _Cut(Refused(408, "too_slow", said), size) from None
        finally:
            if held:
                self._release(network, held)

    def _hold(self, network: str, part: int, size: int) -> None:
        """Counts what has come of a body that is not whole. Raises _Cut where there is no room for it."""
        room = settings.WEBHOOK_WAITING_BYTES
        share = max(room // _PEER_SHARE, MAX_BYTES)
        if self._reading + part > room or self._reading_of[network] + part > share:
            raise _Cut(BUSY, size)
        self._reading += part
        self._reading_of[network] += part

    def _release(self, network: str, size: int) -> None:
        self._reading -= size
        self._reading_of[network] -= size
        if not self._reading_of[network]:
            del self._reading_of[network]

    def _tell(self, method: str, is_ours: bool, status: int, began: float, request_id: str) -> None:
        """The line that `config.lib.request_log` writes of other requests; those of a group are written together."""
        line = {
            "correlation_id": request_id,
            "code": status,
            "request": f"{method[:10]} {_ROUTE if is_ours else _NO_ROUTE}",
            "ms": round((time.perf_counter() - began) * 1000, 1),
        }
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(
            (logging.ERROR if status >= 500 else logging.INFO, "request_finished", line)
        )

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        logs.tell(__name__, lines)


def _measure(answer: Answer | Refused, seconds: float) -> None:
    measures.WEBHOOK.observe(seconds)
    if isinstance(answer, Refused):
        measures.WEBHOOKS.add("refused", answer.code)
    else:
        measures.WEBHOOKS.add("accepted" if answer.is_new else "answered", "")


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """By lower-case name, as Django reads them: doubles joined, none with an underscore, which proxies take for `-`."""
    found: dict[str, str] = {}
    for name, value in raw:
        if not value or b"_" in name:
            continue
        text = value.decode("latin-1").replace("\x00", "\ufffd")
        key = name.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _outside(scope: Scope, headers: dict[str, str]) -> Answer | Refused | None:
    """What is said before anybody asks which address it is: for the wrong host, and without TLS where there must be."""
    host = headers.get("host", "")
    if not _is_our_host(host, tuple(settings.ALLOWED_HOSTS)):
        return Refused(400, "bad_host", "This host name is not served here.")
    if settings.SECURE_SSL_REDIRECT and not _is_secure(scope, headers):
        query = scope.get("query_string", b"").decode("latin-1")
        target = f"https://{host}{quote(scope['path'])}{'?' if query else ''}{query}"
        return Answer(301, {}, {"Location": target})
    return None


@lru_cache(maxsize=1_000)
def _is_our_host(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host)
    names = allowed or (_LOCAL_HOSTS if settings.DEBUG else ())
    return bool(domain) and validate_host(domain, names)


def _is_secure(scope: Scope, headers: dict[str, str]) -> bool:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        given = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower())
        if given is not None:
            return given.split(",", 1)[0].strip() == secure
    return bool(scope.get("scheme") == "https")


def _hsts() -> bytes:
    parts = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        parts.append("includeSubDomains")
    if settings.SECURE_HSTS_PRELOAD:
        parts.append("preload")
    return "; ".join(parts).encode()


def _too_large() -> Refused:
    return Refused(413, "too_large", f"A request may have at most {MAX_BYTES} bytes.")


async def _send(
    send: Send,
    answer: Answer | Refused,
    more: list[tuple[bytes, bytes]],
    *,
    request_id: str,
    is_last: bool,
) -> None:
    body = answer.body if isinstance(answer, Answer) else _told(answer, request_id)
    raw = json.dumps(body)
    said = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.items()
    ]
    length = (b"content-length", str(len(raw)).encode())
    headers = [*_HEADERS, *more, *said, length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": raw, "more_body": not is_last})


def _told(refused: Refused, request_id: str) -> dict[str, Any]:
    return errors.body(
        code=refused.code, message=refused.message, details=refused.fields, request_id=request_id
    )


async def _drain(receive: Receive, send: Send) -> None:
    """Who is still sending would otherwise see a broken connection and not the answer; then it is closed."""
    size = 0
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while size <= DRAIN_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})
