"""Which addresses a run may connect to: public ones on web ports, and what the operator opened.

The check is made on the address that is then connected to, never on the name: whatever way a private
address is spelt (`2130706433`, `0x7f.1`, `[::ffff:127.0.0.1]`), it comes out of `resolve` as itself, and
a name that answers differently the second time is not asked twice.

`OUTBOUND_ALLOW` holds `host`, `host:port`, `address`, `address:port`, `[v6]:port` or a network such as
`10.1.0.0/16`. An entry without a port opens every port there; a host is trusted wherever it leads.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from django.conf import settings

from agents.actions import ActionFailed

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = frozenset({80, 443, 8080, 8443})
RESOLVE_SECONDS = 5.0

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
_DOCUMENTATION = IPv6Network("3fff::/20")  # RFC 9637, newer than Python's own list
_ISATAP = 0x00005EFE  # the third quarter of such an address, its "universal" bit aside
_ENTRY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:/\[\]\s]+))(?::(?P<port>\d{1,5}))?\Z"
)

# DNS has threads of its own: a slow resolver must not hold those that talk to the database.
_resolvers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")


class NotAllowed(ActionFailed):
    """The address is not one that a run may reach; trying again changes nothing."""


def is_public(address: Address) -> bool:
    """Whether the internet routes there, also after unwrapping the IPv4 address that an IPv6 one may hide.

    Neither `is_private` nor `is_global` is enough: Python calls `::169.254.169.254`, `64:ff9b::7f00:1`,
    `fec0::1` and multicast global.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved)
    hidden = _hidden_ipv4(address)
    if not all(is_public(inner) for inner in hidden):
        return False
    if address.ipv4_mapped or address in _NAT64:
        return True
    usual = address in _GLOBAL_UNICAST and address not in _DOCUMENTATION
    # A public IPv4 address inside is judged already; Python calls all of Teredo private.
    return usual and (bool(hidden) or (address.is_global and not address.is_reserved))


def _hidden_ipv4(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses inside: mapped, compatible, NAT64, 6to4, ISATAP, Teredo (its server and its client)."""
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _COMPATIBLE or address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour:
        return [address.sixtofour]
    if int(address) >> 32 & 0xFDFFFFFF == _ISATAP:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return list(address.teredo or ())


@dataclass(frozen=True, slots=True)
class Allowance:
    """What `OUTBOUND_ALLOW` opens; a port of None stands for all."""

    hosts: frozenset[tuple[str, int | None]]
    networks: tuple[tuple[Network, int | None], ...]

    def trusts(self, host: str, port: int) -> bool:
        return bool(self.hosts & {(host, port), (host, None)})

    def covers(self, address: Address, port: int) -> bool:
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(
            address in network and opened in (None, port) for network, opened in self.networks
        )


def allowance() -> Allowance:
    return _parse(tuple(settings.OUTBOUND_ALLOW))


@lru_cache(maxsize=8)
def _parse(entries: tuple[str, ...]) -> Allowance:
    hosts: set[tuple[str, int | None]] = set()
    networks: list[tuple[Network, int | None]] = []
    for entry in filter(None, map(str.strip, entries)):
        name, port = _split(entry)
        network = _network(name)
        if network is not None:
            networks.append((network, port))
        elif "/" in name or not name:
            log.error(
                "OUTBOUND_ALLOW has an entry that is no host and no network", extra={"entry": entry}
            )
        else:
            hosts.add((canonical(name), port))
    return Allowance(frozenset(hosts), tuple(networks))


def _split(entry: str) -> tuple[str, int | None]:
    if _network(entry) is not None:  # a bare IPv6 address or a network: its colons are no port
        return entry, None
    found = _ENTRY.match(entry)
    if not found:
        return entry if "/" in entry else "", None
    return found["v6"] or found["host"], int(found["port"]) if found["port"] else None


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def canonical(host: str) -> str:
    """A host name as it is compared: lower case, without the dot that may end it."""
    return host.rstrip(".").lower()


async def admit(host: str, *, port: int) -> list[Address]:
    """Where `host` leads, in the resolver's order, each address checked. Connect to these, not to the name.

    Raises NotAllowed where one of them is out of bounds, ActionFailed where the name cannot be resolved.
    """
    allowed = allowance()
    found = await resolve(host, port)
    if allowed.trusts(canonical(host), port):
        return found
    strangers = [address for address in found if not allowed.covers(address, port)]
    refuse_private(host, strangers)
    if strangers and port not in PORTS:
        refuse_port(port)
    return found


def refuse_literal(host: str, *, port: int) -> None:
    """Raises NotAllowed where no resolver is needed to know it: an address that is spelt out, a port."""
    allowed = allowance()
    if allowed.trusts(canonical(host), port):
        return
    spelt = _network(host)
    if spelt is None:
        if port not in PORTS and not any(opened in (None, port) for _, opened in allowed.networks):
            refuse_port(port)
    elif not allowed.covers(spelt.network_address, port):
        refuse_private(host, [spelt.network_address])
        if port not in PORTS:
            refuse_port(port)


def refuse_private(host: str, found: Iterable[Address]) -> None:
    if not all(is_public(address) for address in found):
        # Which address is not said: names inside the operator's network are none of a workspace's business.
        raise NotAllowed(
            f"{host[:100]} is not a public address, and agents may only reach public ones. "
            "Whoever runs this server can open it with OUTBOUND_ALLOW."
        )


def refuse_port(port: int) -> None:
    raise NotAllowed(
        f"Port {port} is not open to agents; these are: {', '.join(map(str, sorted(PORTS)))}."
    )


async def resolve(host: str, port: int) -> list[Address]:
    """Every address of a name, without doubles. The one place that asks the system's resolver."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    asking = asyncio.get_running_loop().run_in_executor(_resolvers, look_up)
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await asking
    except TimeoutError:
        raise ActionFailed(
            f"The name {host[:100]} was not resolved in time.", retryable=True
        ) from None
    except socket.gaierror as error:
        again = error.errno == socket.EAI_AGAIN
        raise ActionFailed(f"The name {host[:100]} cannot be resolved.", retryable=again) from None
    except (UnicodeError, OSError):
        raise ActionFailed(f"{host[:100]!r} is not a host name.") from None
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))
