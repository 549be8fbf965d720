"""Where runs may connect to: sixty ways to spell a private address, and what the operator opens."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from agents import addresses
from agents.actions import ActionFailed
from agents.addresses import NotAllowed

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.0.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::169.254.169.254", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808",
    "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::", "2001:0:7f00:1::", "2001:0:808:808::80ff:fffe",
    "2001:db8::1", "3fff::1", "2a00::5efe:127.0.0.1", "2a00::200:5efe:10.0.0.1", "100::1", "fc00::1",
    "fd12:3456::1", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1", "5f00::1", "4000::1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]

# What resolvers and URL parsers take for a private address without its looking like one.
SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "0x0", "2130706433", "0x7f000001", "0x7f.1",
    "0x7F.0x0.0x0.0x1", "017700000001", "0177.0.0.1", "0177.1", "127.0.0.1.", "localhost", "LOCALHOST",
    "localhost.", "3232235777", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518",
    "169.16689662", "::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001", "::ffff:0a00:0001", "64:ff9b::127.0.0.1",
    "2002:7f00:1::", "fe80::1", "10.1", "192.168.257",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_not_public(text: str) -> None:
    assert not addresses.is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    assert addresses.is_public(ip_address(text))


@pytest.mark.parametrize("host", SPELLINGS)
async def test_every_spelling_of_a_private_address_is_refused(host: str) -> None:
    with pytest.raises(ActionFailed) as refused:
        await addresses.admit(host, port=80)
    assert not refused.value.retryable


@pytest.mark.parametrize("host", ["", "a" * 64 + ".example", "no such host", "-", "x\x00y"])
async def test_what_is_no_host_name_fails_in_words(host: str) -> None:
    with pytest.raises(ActionFailed):
        await addresses.admit(host, port=80)


async def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: Any) -> None:
    _resolves(monkeypatch, "93.184.216.34", "10.0.0.1")
    with pytest.raises(NotAllowed, match="not a public address") as refused:
        await addresses.admit("mixed.example", port=443)
    assert "10.0.0.1" not in str(refused.value)  # nobody learns what stands behind a private name


async def test_ports(monkeypatch: Any) -> None:
    _resolves(monkeypatch, "93.184.216.34")
    for port in (80, 443, 8080, 8443):
        assert await addresses.admit("example.org", port=port) == [ip_address("93.184.216.34")]
    with pytest.raises(NotAllowed, match="Port 22"):
        await addresses.admit("example.org", port=22)


@pytest.mark.parametrize(
    "entry, host, found, port, admitted",
    [
        ("llm.internal", "llm.internal", "10.0.0.5", 11434, True),
        ("llm.internal", "LLM.internal.", "10.0.0.5", 80, True),
        ("llm.internal", "evil.llm.internal", "10.0.0.5", 80, False),
        ("llm.internal:8000", "llm.internal", "10.0.0.5", 8000, True),
        ("llm.internal:8000", "llm.internal", "10.0.0.5", 80, False),
        ("10.0.0.0/24", "anything.example", "10.0.0.5", 5000, True),
        ("10.0.0.0/24", "anything.example", "10.0.1.5", 80, False),
        ("10.0.0.0/24", "anything.example", "93.184.216.34", 5000, False),
        ("127.0.0.1", "localhost", "127.0.0.1", 9999, True),
        ("127.0.0.1:9000", "localhost", "127.0.0.1", 9000, True),
        ("127.0.0.1:9000", "localhost", "127.0.0.1", 9001, False),
        ("127.0.0.1", "mapped.example", "::ffff:127.0.0.1", 80, True),
        ("[::1]:9000", "localhost", "::1", 9000, True),
        ("::1", "localhost", "::1", 80, True),
        ("nonsense/99", "localhost", "127.0.0.1", 80, False),
        ("", "localhost", "127.0.0.1", 80, False),
    ],
)
async def test_what_the_operator_opens(
    monkeypatch: Any, settings: Any, entry: str, host: str, found: str, port: int, admitted: bool
) -> None:
    settings.OUTBOUND_ALLOW = [entry]
    _resolves(monkeypatch, found)
    if admitted:
        assert await addresses.admit(host, port=port) == [ip_address(found)]
    else:
        with pytest.raises(NotAllowed):
            await addresses.admit(host, port=port)


def _resolves(monkeypatch: Any, *found: str) -> None:
    async def resolve(host: str, port: int) -> list[addresses.Address]:
        return [ip_address(text) for text in found]

    monkeypatch.setattr(addresses, "resolve", resolve)
