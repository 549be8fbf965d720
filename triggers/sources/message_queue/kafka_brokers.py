"""Which brokers a Kafka cluster names, asked before its client is let near them: that connects to whatever is named.

It takes a few requests of Kafka's protocol: Metadata 4, FindCoordinator 1, SaslHandshake 1, SaslAuthenticate 0.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from agents import addresses
from triggers.sources.message_queue import address
from triggers.sources.message_queue.address import Address, Place
from triggers.watching import SourceBroken, SourceFailed

_SECONDS = 10.0  # for one broker to answer all
_LARGEST = 256 * 1024  # bytes of an answer
_METADATA, _FIND_COORDINATOR, _HANDSHAKE, _AUTHENTICATE = (3, 4), (10, 1), (17, 1), (36, 0)
_MOST_ROUNDS = 100_000  # of a password's hash; Kafka's own are 4,096 and 8,192
_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
MECHANISMS = ("PLAIN", *_HASHES)
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


async def admit(at: Address, named: Iterable[Place]) -> None:
    """Raises SourceBroken where the cluster leads to a place that is out of bounds, SourceFailed where nobody knows."""
    for place in named:
        if not 0 < place.port < 65536:
            raise SourceBroken(f"The cluster names {place.port} as the port of a broker.")
        try:
            await address.admitted(replace(at, places=(place,)))
        except SourceFailed as error:
            raise type(error)(
                f"The cluster names {place.host}:{place.port} as a broker. {error}"
            ) from None


async def named(
    at: Address, hosts: Sequence[str], *, group: str, protocol: str, mechanism: str
) -> set[Place]:
    """All that one of the cluster's brokers tells of; `hosts` are the checked addresses of `at.places`."""
    problem: Exception = EOFError()
    for place, host in zip(at.places, hosts, strict=True):
        try:
            async with asyncio.timeout(_SECONDS):
                return await _ask(at, place, host, group, protocol, mechanism)
        except (OSError, EOFError) as error:  # TimeoutError is one
            problem = error
        except (struct.error, ValueError):
            problem = SourceFailed(
                f"What answers at {place.host}:{place.port} does not speak as Kafka does."
            )
    raise problem


async def _ask(
    at: Address, place: Place, host: str, group: str, protocol: str, mechanism: str
) -> set[Place]:
    context = ssl.create_default_context() if protocol.endswith("SSL") else None
    name = place.host if context else None
    reader, writer = await asyncio.open_connection(
        host, place.port, ssl=context, server_hostname=name
    )
    try:
        wire = _Wire(reader, writer)
        if protocol.startswith("SASL"):
            await _log_in(wire, at, mechanism)
        answer = await wire.call(_METADATA, struct.pack(">i?", 0, False))
        answer.skip(4)  # throttled for so long
        found = {answer.broker() for _ in range(answer.number(">i"))}
        answer = await wire.call(_FIND_COORDINATOR, _text(group) + b"\0")
        answer.skip(4)
        if answer.number(">h") == 0:
            answer.text()
            answer.skip(4)
            found.add(answer.place())
        return found
    finally:
        writer.close()


@dataclass(slots=True)
class _Answer:
    raw: bytes
    at: int = 0

    def number(self, form: str) -> int:
        (found,) = struct.unpack_from(form, self.raw, self.at)
        self.at += struct.calcsize(form)
        return int(found)

    def skip(self, count: int) -> None:
        self.at += count

    def taken(self, count: int) -> bytes:
        if count < 0:
            return b""  # null
        found = self.raw[self.at : self.at + count]
        if len(found) < count:
            raise ValueError("an answer that ends too early")
        self.at += count
        return found

    def text(self) -> str:
        return self.taken(self.number(">h")).decode()

    def place(self) -> Place:
        return Place(addresses.canonical(self.text()), self.number(">i"))

    def broker(self) -> Place:
        self.skip(4)  # its number
        found = self.place()
        self.text()  # its rack
        return found


@dataclass(slots=True)
class _Wire:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _calls: int = field(default=0)

    async def call(self, what: tuple[int, int], body: bytes) -> _Answer:
        self._calls += 1
        request = struct.pack(">hhi", *what, self._calls) + _text("triggerfish") + body
        self.writer.write(struct.pack(">i", len(request)) + request)
        await self.writer.drain()
        (size,) = struct.unpack(">i", await self.reader.readexactly(4))
        if not 4 <= size <= _LARGEST:
            raise ValueError("no answer of Kafka's")
        answer = _Answer(await self.reader.readexactly(size))
        if answer.number(">i") != self._calls:
            raise ValueError("an answer to another request")
        return answer


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">h", len(raw)) + raw


async def _log_in(wire: _Wire, at: Address, mechanism: str) -> None:
    answer = await wire.call(_HANDSHAKE, _text(mechanism))
    if answer.number(">h") != 0:
        raise SourceFailed(f"Kafka does not take {mechanism}; name another `sasl_mechanism`.")
    if mechanism == "PLAIN":
        await _send(wire, f"\0{at.user}\0{at.password}".encode())
        return
    scram = Scram(_HASHES[mechanism], at.user, at.password, secrets.token_urlsafe(24))
    second = scram.second(await _send(wire, scram.first))
    if not scram.is_proven_by(await _send(wire, second)):
        raise SourceFailed("Kafka does not prove that it knows the password.")


async def _send(wire: _Wire, said: bytes) -> bytes:
    answer = await wire.call(_AUTHENTICATE, struct.pack(">i", len(said)) + said)
    if answer.number(">h") != 0:
        raise SourceFailed("Kafka does not accept the user and the password.")
    answer.text()
    return answer.taken(answer.number(">i"))


class Scram:
    """The client's side of RFC 5802, without channel binding."""

    def __init__(self, hashed: str, user: str, password: str, nonce: str) -> None:
        self._hash, self._password, self._nonce = hashed, password.encode(), nonce
        self._bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
        self.first = f"n,,{self._bare}".encode()

    def second(self, answer: bytes) -> bytes:
        """Raises ValueError where the answer is none."""
        told = dict(part.split("=", 1) for part in answer.decode().split(","))
        nonce, rounds = told.get("r", ""), int(told.get("i", "0"))
        if not nonce.startswith(self._nonce) or not 0 < rounds <= _MOST_ROUNDS:
            raise ValueError("no SCRAM")
        salt = base64.b64decode(told.get("s", ""), validate=True)
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, rounds)
        bare = f"c=biws,r={nonce}"
        told_so_far = f"{self._bare},{answer.decode()},{bare}".encode()
        mine = self._mac(salted, b"Client Key")
        signed = self._mac(hashlib.new(self._hash, mine).digest(), told_so_far)
        self._wanted = self._mac(self._mac(salted, b"Server Key"), told_so_far)
        proof = bytes(one ^ other for one, other in zip(mine, signed, strict=True))
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()

    def is_proven_by(self, answer: bytes) -> bool:
        return hmac.compare_digest(answer, b"v=" + base64.b64encode(self._wanted))

    def _mac(self, key: bytes, text: bytes) -> bytes:
        return hmac.digest(key, text, self._hash)
