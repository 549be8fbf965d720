"""Asking a webhook type about requests: each change of a signed request must be refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.lib import json
from triggers import webhook_types
from triggers.webhook_types import Incoming, Unverified

NOW = 1_790_000_000.0


def request(body: bytes | Any, headers: Mapping[str, str], *, method: str = "POST") -> Incoming:
    raw = body if isinstance(body, bytes) else json.dumps(body)
    return Incoming(method, {name.lower(): value for name, value in headers.items()}, raw)


def is_verified(kind: str, asked: Incoming, config: Mapping[str, Any], *, now: float = NOW) -> bool:
    try:
        webhook_types.find(kind).verify(asked, config, now=now)
    except Unverified:
        return False
    return True


def check_scheme(kind: str, config: dict[str, Any], other_secret: str) -> None:
    """What holds of every signed type: its own signature fits, and nothing else does."""
    body = b'{"a": 1}'
    found = webhook_types.find(kind)
    headers = found.sign(body, config, now=NOW)
    assert is_verified(kind, request(body, headers), config)
    rotated = {**config, "secret": other_secret, "previous_secret": config["secret"]}
    assert is_verified(kind, request(body, headers), rotated), "the previous secret still counts"
    strangers = {**config, "secret": other_secret}
    assert not is_verified(kind, request(body, headers), strangers)
    assert not is_verified(kind, request(body, {}), config), "no headers"
    assert not is_verified(kind, request(body, headers), {**config, "secret": ""}), "no secret"
    for name in headers:
        for broken in (
            "",
            headers[name][:-1],
            headers[name] + "0",
            "é",
            headers[name].upper() + "=",
        ):
            changed = {**headers, name: broken}
            assert not is_verified(kind, request(body, changed), config), (name, broken)


def check_covers_body(kind: str, config: dict[str, Any]) -> None:
    headers = webhook_types.find(kind).sign(b'{"a": 1}', config, now=NOW)
    for other in (b'{"a":1}', b'{"a": 2}', b'{"a": 1} ', b""):
        assert not is_verified(kind, request(other, headers), config), other


def check_times(kind: str, config: dict[str, Any]) -> None:
    """Five minutes either way, and not a second more."""
    headers = webhook_types.find(kind).sign(b"{}", config, now=NOW)
    for seconds, fresh in ((0, True), (300, True), (301, False), (-300, True), (-301, False)):
        asked = request(b"{}", headers)
        assert is_verified(kind, asked, config, now=NOW + seconds) is fresh, seconds


def parsed(kind: str, body: Any, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    return webhook_types.find(kind).parse(request(body, headers or {}), body)


def check_hostile_bodies(kind: str) -> None:
    """Whatever a proven sender writes, reading it never raises."""
    found = webhook_types.find(kind)
    bodies: list[Any] = [
        None,
        [],
        {},
        "x",
        5,
        [None],
        {"message": None},
        {"event": []},
        {"data": "x"},
    ]
    for body in bodies:
        asked = request(body, {})
        found.parse(asked, body)
        found.bounced(body)
        found.reply_at_once(body)
        assert isinstance(found.delivery_id(asked, body), str)
