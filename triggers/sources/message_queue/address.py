"""Where a queue is: its address taken apart, its password kept apart, and which places are allowed.

`redis://user:password@host:6379/0` is shown as `redis://user:[secret]@host:6379/0`; all of it is stored encrypted.
A queue may be at a public address, or where OUTBOUND_ALLOW opens one, and never at our own broker.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings

from agents import addresses
from agents.actions import ActionFailed
from config.lib.secrets import URL_SECRET
from triggers.watching import SourceBroken, SourceFailed

SECRET = "[secret]"  # noqa: S105 - stands in the place of one
LOWEST_PORT = 1024  # below it, only the web's
OWN = "This is Triggerfish's own broker, which holds no messages for agents. Give the address of another server."
_PASSWORD = re.compile(r"(?<=://)([^/@?#]*?):([^/?#]*)@")
_PLACE = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?\Z")


@dataclass(frozen=True, slots=True)
class Place:
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Address:
    """An address taken apart. `path` has no slash before it; `options` come from its query."""

    url: str
    scheme: str
    places: tuple[Place, ...]
    user: str
    password: str
    path: str
    options: dict[str, str]

    @property
    def place(self) -> Place:
        return self.places[0]


def parse(url: str, *, schemes: Collection[str], port: int) -> Address:
    """Raises ValueError with a sentence for a person. Several hosts may be named with commas between them."""
    if not url.isprintable() or " " in url:
        raise ValueError("An address has no spaces or control characters.")
    parts = urlsplit(url)
    if parts.scheme not in schemes:
        raise ValueError(f"The address begins with {' or '.join(f'{one}://' for one in schemes)}.")
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    places = tuple(_place(one, port) for one in hosts.split(","))
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return Address(
        url, parts.scheme, places, unquote(user), unquote(password), parts.path.lstrip("/"), options
    )


def _place(text: str, port: int) -> Place:
    found = _PLACE.match(text.strip())
    if not found:
        raise ValueError("The address names a host, and a port where it is not the usual one.")
    number = int(found["port"] or port)
    if not 0 < number < 65536:
        raise ValueError(f"{number} is not a port.")
    return Place(addresses.canonical(found["v6"] or found["host"]), number)


def masked(url: str) -> str:
    """The address without its password, as people see it."""
    return URL_SECRET.sub(rf"\1{SECRET}", _PASSWORD.sub(rf"\1:{SECRET}@", url))


def refuse_at_once(address: Address) -> None:
    """Raises ValueError where nobody has to be asked to know that it is not allowed."""
    for place in address.places:
        if (place.host, place.port) in _own_places():
            raise ValueError(OWN)
        if _is_name(place.host) or addresses.allowance().trusts(place.host, place.port):
            continue
        found = ipaddress.ip_address(place.host)
        if not addresses.allowance().covers(found, place.port):
            try:
                addresses.refuse_private(place.host, [found])
            except addresses.NotAllowed as error:
                raise ValueError(str(error)) from None


async def admitted(address: Address) -> list[str]:
    """An address to connect to for each place, checked now. Raises SourceBroken where one is out of bounds."""
    own = await _resolved_own()
    found = [await _admitted(place, own) for place in address.places]
    return [str(one) for one in found]


async def _admitted(place: Place, own: set[tuple[str, int]]) -> addresses.Address:
    try:
        found = await addresses.resolve(place.host, place.port)
    except ActionFailed as error:
        raise SourceFailed(str(error)) from None
    if any((str(one), place.port) in own for one in found):
        raise SourceBroken(OWN)
    allowed = addresses.allowance()
    if not allowed.trusts(place.host, place.port):
        strangers = [one for one in found if not allowed.covers(one, place.port)]
        try:
            addresses.refuse_private(place.host, strangers)
        except addresses.NotAllowed as error:
            raise SourceBroken(str(error)) from None
        if strangers and place.port < LOWEST_PORT and place.port not in addresses.PORTS:
            raise SourceBroken(f"Port {place.port} is not open to queues.")
    return found[0]


def _own_places() -> set[tuple[str, int]]:
    usual = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "pyamqp": 5672}
    found = set()
    for url in (settings.REDIS_URL, settings.CELERY_BROKER_URL):
        parts = urlsplit(url)
        if parts.scheme in usual and parts.hostname:
            found.add((addresses.canonical(parts.hostname), parts.port or usual[parts.scheme]))
    return found


async def _resolved_own() -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for host, port in _own_places():
        try:
            found |= {(str(one), port) for one in await addresses.resolve(host, port)}
        except (ActionFailed, asyncio.CancelledError):
            found.add((host, port))
    return found


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False
