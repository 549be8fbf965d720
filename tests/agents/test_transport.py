"""TLS on checked connections: the certificate is asked of the name, though the connection went to an address."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from agents import addresses, http, transport
from agents.actions import ActionFailed
from tests import tls
from tests.tls import NAME


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return tls.certificate(tmp_path)


@pytest.fixture
def server(certificate: Path) -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", ssl_context=tls.served(certificate)) as running:
        running.expect_request("/", headers={"Host": f"{NAME}:{running.port}"}).respond_with_data(
            "safe"
        )
        yield running


@pytest.fixture(autouse=True)
def resolver(monkeypatch: Any, certificate: Path, settings: Any) -> None:
    """Every name is this machine, and our certificate is trusted."""

    async def resolve(host: str, port: int) -> list[addresses.Address]:
        return [ip_address("127.0.0.1")]

    monkeypatch.setattr(addresses, "resolve", resolve)
    monkeypatch.setattr(
        transport, "_tls", lambda: ssl.create_default_context(cafile=str(certificate))
    )
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


async def test_host_and_certificate_are_the_names(server: HTTPServer) -> None:
    assert (await http.request("GET", url=f"https://{NAME}:{server.port}/")).body == "safe"


async def test_a_certificate_of_another_name_is_refused(server: HTTPServer) -> None:
    with pytest.raises(ActionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await http.request("GET", url=f"https://other.example:{server.port}/")


async def test_the_second_address_is_tried_where_nobody_listens_at_the_first(
    server: HTTPServer, monkeypatch: Any
) -> None:
    async def resolve(host: str, port: int) -> list[addresses.Address]:
        return [ip_address("127.0.0.9"), ip_address("127.0.0.1")]

    monkeypatch.setattr(addresses, "resolve", resolve)
    assert (await http.request("GET", url=f"https://{NAME}:{server.port}/")).body == "safe"
