"""What a server has, compared with what was told of it: so what happened while nobody listened is found.

The state is stored with the events that it stands for: `{"of", "begun", "seen": {name: [digest, count]}}`. The count
makes the key of an event that brings back an old content another one than before, and `begun` that of one that is found
after all was taken for known anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError

from triggers.sources.mcp_event import telling
from triggers.watching import Received, State

if TYPE_CHECKING:
    from agents.mcp.session import Session

MAX_PAGES = 20
MAX_RESOURCES = 200  # that one trigger compares
MAX_NAMES = 1000
GONE = "gone"

Seen = dict[str, list[Any]]


@dataclass
class Comparison:
    """`known`: as it was told last; empty and `is_first` where nothing was."""

    event: str
    server: str
    of: str
    known: Seen = field(default_factory=dict)
    is_first: bool = True
    begun: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @classmethod
    def of_state(cls, event: str, server: str, of: str, state: State) -> Comparison:
        """What was stored for something else is of no use."""
        if state.get("of") != of:
            return cls(event, server, of)
        begun = str(state.get("begun", ""))
        return cls(event, server, of, dict(state.get("seen", {})), is_first=False, begun=begun)

    def state(self, seen: Seen) -> State:
        return {"of": self.of, "begun": self.begun, "seen": seen}

    def take(self, seen: Seen) -> None:
        """It has been stored."""
        self.known, self.is_first = seen, False

    async def look(
        self, session: Session, uris: Iterable[str], dirty: set[str] | None
    ) -> tuple[list[Received], Seen]:
        """What is new, and what is known then. `dirty`: the resources that may have changed; None: any."""
        if self.event in telling.LISTS:
            return await self._of_list(session)
        return await self._of_resources(session, uris, dirty)

    async def _of_resources(
        self, session: Session, uris: Iterable[str], dirty: set[str] | None
    ) -> tuple[list[Received], Seen]:
        wanted = list(uris)
        seen = {uri: entry for uri, entry in self.known.items() if uri in wanted}
        events = []
        for uri in wanted:
            if dirty is not None and uri not in dirty and uri in seen:
                continue
            contents = await _read(session, uri)
            digest = GONE if contents is None else telling.digest(_plain(contents))
            before, count = seen.get(uri, ["", 0])
            if digest == before:
                continue
            seen[uri] = [digest, count + 1]
            if not self.is_first and (before or digest != GONE):
                key = f"{self.begun}:{telling.digest(uri)}:{count + 1}:{digest}"
                told = telling.resource(uri, contents)
                events.append(telling.received(self.event, self.server, told, key=key))
        return events, seen

    async def _of_list(self, session: Session) -> tuple[list[Received], Seen]:
        verb, holds = telling.LISTS[self.event]
        found = {
            _name(one): telling.digest(one.model_dump(mode="json"))
            for one in await pages(session, verb, holds)
        }
        before = {name: entry[0] for name, entry in self.known.items() if entry[0] != GONE}
        count = max((entry[1] for entry in self.known.values()), default=0) + 1
        values = {
            "added": sorted(found.keys() - before.keys()),
            "removed": sorted(before.keys() - found.keys()),
            "changed": sorted(n for n in found.keys() & before.keys() if found[n] != before[n]),
            "names": sorted(found),
        }
        if not any(values[name] for name in ("added", "removed", "changed")):
            return [], self.known
        seen: Seen = {name: [digest, count] for name, digest in found.items()}
        seen = seen or {"": [GONE, count]}  # else the count would begin anew
        if self.is_first:
            return [], seen
        key = f"{self.begun}:{count}:{telling.digest(sorted(found.items()))}"
        return [telling.received(self.event, self.server, values, key=key)], seen


async def listed(session: Session) -> list[str]:
    """The addresses of the resources that it lists."""
    found = await pages(session, *telling.LISTS["resource_list_changed"])
    return [str(one.uri) for one in found][:MAX_RESOURCES]


async def pages(session: Session, verb: str, holds: str) -> list[Any]:
    """All of a list; nothing where the server has none of the kind. Raises ActionFailed."""
    if getattr(session.client.server_capabilities, holds, None) is None:
        return []
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await session.ask(getattr(session.client, verb)(cursor=cursor))
        found += getattr(page, holds)
        cursor = page.next_cursor
        if cursor is None or len(found) >= MAX_NAMES:
            break
    return found[:MAX_NAMES]


async def _read(session: Session, uri: str) -> list[Any] | None:
    """None where the server says that it cannot be read."""
    try:
        answer = await session.within(session.client.read_resource(uri))
    except MCPError as error:
        if session.is_of_server(error):
            return None
        raise session.failed(error, repeatable=True) from error
    except Exception as error:
        raise session.failed(error, repeatable=True) from error
    return list(answer.contents)


def _plain(contents: list[Any]) -> list[Any]:
    return [[one.mime_type, getattr(one, "text", None), getattr(one, "blob", None)] for one in contents]  # fmt: skip


def _name(one: Any) -> str:
    return str(getattr(one, "uri", None) or one.name)
