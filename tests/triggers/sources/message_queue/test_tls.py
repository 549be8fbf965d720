"""TLS to the address that was checked, with the certificate of the name: no name is asked for a second time."""

from __future__ import annotations

import asyncio
import gc
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from agents import addresses
from tests import tls
from tests.listeners import listening, wait_until
from tests.peers import Valkey
from tests.queues import MakeQueue, bodies
from tests.tls import NAME
from triggers.models import Event, Watch
from triggers.sources.message_queue import address, redis_wire

OTHER = "other.example"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trusted by every client in this process."""
    file = tls.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our check finds this machine; whoever asks the system for such a name finds nothing."""

    async def resolve(host: str, port: int) -> list[addresses.Address]:
        return [ip_address("127.0.0.1")]

    monkeypatch.setattr(addresses, "resolve", resolve)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("resolver")
@pytest.mark.timeout(120)
def test_redis_at_the_checked_address(
    valkey: Valkey, make_queue: MakeQueue, certificate: Path
) -> None:
    with tls.before(valkey.port, certificate) as port:
        trigger = make_queue("redis", f"rediss://{NAME}:{port}/0", "orders")
        other = make_queue("redis", f"rediss://{OTHER}:{port}/0", "others")
        for name in ("orders", "others"):
            valkey.client.rpush(name, "1")
        with listening():
            wait_until(Event.objects.exists)
            wait_until(lambda: Watch.objects.filter(pk=other.pk, failures__gt=0).exists())
    assert bodies(trigger) == [1]
    assert not bodies(other)


@pytest.mark.usefixtures("certificate")
def test_a_read_that_is_given_up_leaves_no_socket(
    valkey: Valkey, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    async def give_up(port: int) -> None:
        at = address.parse(f"rediss://{NAME}:{port}/0", schemes=["rediss"], port=6379)
        client = redis_wire.client(at, "127.0.0.1", seconds=5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.blpop(["nothing"], 4), 0.3)
        await client.aclose()

    gc.collect()  # what others left
    recwarn.clear()
    with tls.before(valkey.port, tmp_path / f"{NAME}.pem") as port:
        asyncio.run(give_up(port))
    gc.collect()  # whatever is left open is told now
    assert not recwarn.list


@pytest.mark.rabbitmq
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("resolver")
@pytest.mark.timeout(120)
def test_rabbitmq_at_the_checked_address(make_queue: MakeQueue, certificate: Path) -> None:
    at = urlsplit(os.environ["RABBITMQ_URL"])
    who = f"{at.username or 'guest'}:{at.password or 'guest'}"
    with tls.before(at.port or 5672, certificate) as port:
        named = make_queue("rabbitmq", f"amqps://{who}@{NAME}:{port}/", "nowhere")
        other = make_queue("rabbitmq", f"amqps://{who}@{OTHER}:{port}/", "elsewhere")
        with listening():
            failed = Watch.objects.filter(failures__gt=0)
            wait_until(lambda: failed.count() == 2)
        said = {one.pk: one.last_error for one in failed}
    assert "no queue 'nowhere'" in said[named.pk]  # RabbitMQ itself says so
    assert "cannot be reached" in said[other.pk]


class Mover:
    """Speaks as much Redis as a client needs to be told, with its first answer to PING, to move to another place."""

    def __init__(self, to: int) -> None:
        self.asked: list[str] = []
        self._to = f"127.0.0.1:{to}".encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:-2].decode())
            self.asked.append(" ".join(words))
            if words[0] == "HELLO":
                writer.write(b"%1\r\n+proto\r\n:3\r\n")
            elif words[0] == "PING":
                moving = b">4\r\n$6\r\nMOVING\r\n:1\r\n:30\r\n$%d\r\n%s\r\n"
                writer.write(moving % (len(self._to), self._to) + b"+PONG\r\n")
            else:
                writer.write(b"+OK\r\n")
        writer.close()


async def test_a_redis_cannot_send_us_elsewhere(settings: Settings) -> None:
    reached: list[Any] = []

    async def inside(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(writer.get_extra_info("peername"))
        writer.close()

    private = await asyncio.start_server(inside, "127.0.0.1", 0)
    mover = Mover(private.sockets[0].getsockname()[1])
    public = await asyncio.start_server(mover.answer, "127.0.0.1", 0)
    port = public.sockets[0].getsockname()[1]
    at = address.parse(f"redis://127.0.0.1:{port}/0", schemes=["redis"], port=6379)
    client = redis_wire.client(at, "127.0.0.1", seconds=5)
    for _ in range(5):
        assert await client.ping()
        await asyncio.sleep(0.3)
    await client.aclose()
    public.close()
    private.close()
    assert not reached
    assert not any("MAINT" in one for one in mover.asked)
