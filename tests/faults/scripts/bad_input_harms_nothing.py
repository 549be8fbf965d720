"""Whatever is sent to it, the web server says what is wrong in a second, does the next good request, keeps its memory.

Every case of the corpus (`tests/corpus/cases`), each followed by a good request; meanwhile the live socket of a session
that was revoked is closed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from django.contrib.auth.models import User

from tests.corpus import asking, reading, sessions, sockets, wire
from tests.corpus import ground as corpus
from tests.corpus.ground import Server
from tests.faults import script
from tests.faults.ground import Ground
from tests.faults.script import Figure, at_least, at_most, exactly, until

CASES = reading.cases()
GROUPS = (
    *("admin", "agents", "conditions", "cron", "drafts", "extracts", "files", "forms_json", "forms_page"),
    *("http", "json_bodies", "mcp_servers", "rest", "triggers", "webhooks_generic", "webhooks_outline"),
    *("webhooks_senders", "websocket"),
)  # fmt: skip
LEAST = 300
ANSWER_SECONDS = {False: 5.0, True: 1.0}  # small: beside the tests of other processes
REVOKED_SECONDS = 60


@script.register("P31", small=40, full=len(CASES))
def prove(ground: Ground, size: int, chance: random.Random) -> Iterator[Figure]:
    """`size`: how many cases, chosen from all groups alike, some of each; all of them wait for a revoked session."""
    folder = ground.place.root / "corpus"
    folder.mkdir()
    is_full = size >= len(CASES)
    chosen = _choose(size, chance)
    wrong: list[str] = []
    late: list[str] = []
    with ThreadPoolExecutor(1) as pool, corpus.running(folder) as server:
        revoked = _revoked(server, pool) if is_full else None
        before = asking.warm_up(server, CASES if is_full else chosen)
        for case in chosen:
            took = _asked(case, server)
            if took is None:
                wrong.append(case.name)
            elif took > ANSWER_SECONDS[is_full]:
                late.append(f"{case.name}: {took:.2f} s")
        grown = server.megabytes() - before
        if revoked:
            until(revoked.done, seconds=2 * REVOKED_SECONDS)
    yield at_least("cases", len(chosen), LEAST if is_full else size)
    yield exactly("their groups", tuple(sorted({_group(case) for case in chosen})), GROUPS)
    yield exactly("cases that were not answered as they must be", wrong, [])
    yield exactly(f"cases answered later than after {ANSWER_SECONDS[is_full]:g} s", late, [])
    yield at_most("MB that the server grew", grown, asking.MOST_GROWN)
    if revoked:
        yield at_most(
            "seconds until the socket of a revoked session is closed",
            _seconds(revoked),
            REVOKED_SECONDS,
        )


def _seconds(revoked: Future[float | None]) -> float | None:
    return revoked.result() if revoked.done() else None


def _group(case: reading.Case) -> str:
    return case.name.partition("/")[0]


def _choose(size: int, chance: random.Random) -> list[reading.Case]:
    """One of each group at least."""
    mixed = chance.sample(CASES, len(CASES))
    first = {_group(case): case for case in mixed}
    some = list(first.values())
    some += [case for case in mixed if case not in some][: max(0, size - len(some))]
    return sorted(some, key=lambda case: case.number)


def _asked(case: reading.Case, server: Server) -> float | None:
    """Seconds of an answer; None where it is wrong."""
    try:
        return asking.ask(case, server)
    except (AssertionError, OSError) as error:
        print(f"{case.name}: {error!r}")
        return None


def _revoked(server: Server, pool: ThreadPoolExecutor) -> Future[float | None]:
    """When the live socket of a session is closed as it should be, in seconds after the session went."""
    key = sessions.begin(User.objects.get(username="ann"))
    said = next(case for case in CASES if case.name == "websocket/no-json").said["raw"]
    names = {**server.names, "session": key, "host": server.host}
    raw = str(reading.filled(said, names)).encode()
    listens = pool.submit(sockets.talk, raw, [], port=server.port, source="127.9.9.9")
    until(listens.done, seconds=3)
    sessions.revoke(key)
    went, told = time.monotonic(), Future[float | None]()

    def closed(done: Future[wire.Answer | None]) -> None:
        answer = None if done.exception() else done.result()
        as_it_should = answer is not None and answer.closed_with == 4401
        told.set_result(time.monotonic() - went if as_it_should else None)

    listens.add_done_callback(closed)
    return told
