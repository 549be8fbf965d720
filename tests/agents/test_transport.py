"""TLS on checked connections: the certificate is asked of the name, though the connection went to an address."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_httpserver import HTTPServer

from agents import addresses, http, transport
from agents.actions import ActionFailed

NAME = "named.example"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of `named.example` and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "named.pem"
    file.write_bytes(built.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def server(certificate: Path) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(host="127.0.0.1", ssl_context=context) as running:
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
