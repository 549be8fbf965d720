"""URLs that the door for outgoing HTTP does not ask, and a resolver that lies."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from agents import addresses, http, transport
from agents.actions import ActionFailed
from agents.addresses import NotAllowed

BAD_URLS = [
    "", "nonsense", "//example.org/", "/path", "ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1:70/",
    "javascript:alert(1)", "http://", "http:///x", "http://[::1", "http://exa mple.org/", "http://example.org:99999/",
    "http://example.org:22/", "http://example.org:6379/", "http://user:pw@example.org/", "http://example.org@127.0.0.1/",
    "http://127.0.0.1/", "http://127.0.0.1:80@example.org/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]:8080/", "http://169.254.169.254/latest/meta-data/", "http://[fe80::1%25eth0]/",
    "https://10.0.0.1/", "http://127.0.0.1\\@example.org/", "http://example.org\n/", "http://\x00example.org/",
]  # fmt: skip
# These pass the first look and are refused by the address that they lead to.
BAD_HOSTS = [
    "http://127.1/", "http://0/", "http://0x7f.1/", "http://2130706433/", "http://017700000001/", "http://localhost./",
    "http://localhost:8080/", "http://LOCALHOST/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://127.0.0.1./",
    "http://localhost#@example.org/", "http://localhost?@example.org/", "http://%6c%6f%63alhost/",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
async def test_a_bad_url_is_told_without_asking_anybody(monkeypatch: Any, url: str) -> None:
    monkeypatch.setattr(addresses, "resolve", None)
    assert http.problem_of(url)
    with pytest.raises(ActionFailed):
        await http.request("GET", url=url)


@pytest.mark.parametrize("url", BAD_HOSTS)
async def test_a_private_host_is_refused_before_any_connection(monkeypatch: Any, url: str) -> None:
    monkeypatch.setattr(transport, "dial", None)
    with pytest.raises(ActionFailed):
        await http.request("GET", url=url)


async def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: Any) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    dialled: list[str] = []

    async def rebinding(host: str, port: int) -> list[addresses.Address]:
        return [ip_address(text) for text in next(answers)]

    async def dial(address: str, *, port: int, seconds: float) -> httpcore.AsyncNetworkStream:
        dialled.append(address)
        raise httpcore.ConnectError("nobody there")

    monkeypatch.setattr(addresses, "resolve", rebinding)
    monkeypatch.setattr(transport, "dial", dial)
    with pytest.raises(ActionFailed, match="No connection to") as failed:
        await http.request("GET", url="http://rebind.example/")
    assert failed.value.retryable
    assert dialled == ["93.184.216.34"]
    with pytest.raises(NotAllowed):
        await http.request("GET", url="http://rebind.example/")
    assert dialled == ["93.184.216.34"]
