"""One case and what must be true after it, for the tests and for the run at full size."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection

from agents.models import Agent
from config.lib import paths
from crm.models import Contact, FormSubmission
from tests.corpus import reading, signing, sockets, wire
from tests.corpus.ground import Server
from tests.corpus.reading import Case, filled
from tests.corpus.wire import Answer
from triggers.models import Event, Trigger

MOST_GROWN = 20  # megabytes
LARGE = 10_000  # bytes of a request
SHAPE = {"error_code", "error_message", "details", "timestamp", "request_id"}
_MODELS = {
    "events": Event,
    "contacts": Contact,
    "submissions": FormSubmission,
    "triggers": Trigger,
    "agents": Agent,
}


def warm_up(server: Server, cases: Iterable[Case], *, large: bool = False) -> float:
    """Megabytes of a server that has taken good requests and a few bad ones; `large`: all that are large too."""
    for case in cases:
        is_read = case.status == 200 and str(case.said.get("to", "")).startswith("GET")
        refused = case.status is None or case.status >= 400
        is_bad = refused and not any(case.counts.values())
        is_large = len(_request(case, server)) > LARGE
        is_one_of_few = case.number % (5 if large else 20) == 0
        if is_read or (is_bad and (large if is_large else is_one_of_few)):
            _send(case, server, part=1)
    for number in range(100):
        server.good(10_000 + number)
    server.new_in_log()
    return server.megabytes()


def ask(case: Case, server: Server) -> float:
    """Sends it, and one good request; AssertionError where an answer, a count or the log is not as it must be.

    Answers how many seconds one answer took.
    """
    counts = _counts()
    began = time.monotonic()
    answers = _send(case, server, part=0)
    took = (time.monotonic() - began) / int(case.said.get("repeat", 1))
    grown = {name: now - counts[name] for name, now in _counts().items()}
    for answer in answers:
        assert answer is None or answer.status < 500, answer
    _check_answer(case, answers, server)
    assert {name: grown[name] for name in case.counts} == case.counts
    _check_stored(case, answers[-1])
    good = server.good(case.number)
    assert good is not None
    assert good.status == 202, good
    said = server.new_in_log()
    assert "Traceback" not in said, said
    assert not re.search(r"\[(error|critical) *\]", said), said
    return took


def _counts() -> dict[str, int]:
    """In one query, since it is asked twice for each case."""
    tables = {name: model._meta.db_table for name, model in _MODELS.items()}
    asked = ", ".join(f'(SELECT count(*) FROM "{table}")' for table in tables.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}")
        return dict(zip(tables, cursor.fetchone(), strict=True))


def _send(case: Case, server: Server, *, part: int) -> list[Answer | None]:
    """All answers. Each case, and each `part` of the test, comes from addresses of its own."""
    source = f"127.{3 + part}.{case.number // 250}.{case.number % 250 + 1}"
    raw = _request(case, server)
    if case.is_talk:
        frames = case.frames(server.names)
        return [sockets.talk(raw, frames, port=server.port, source=source)]
    if together := case.said.get("together"):
        with ThreadPoolExecutor(together) as pool:
            sources = [f"127.{5 + part}.{case.number % 250}.{n + 1}" for n in range(together)]
            answers = list(pool.map(lambda one: server.send(raw, source=one), sources))
        return sorted(answers, key=lambda one: one.status if one else 0, reverse=True)
    half_closed = bool(case.said.get("half_closed"))
    return [
        server.send(raw, source=source, half_closed=half_closed)
        for _ in range(case.said.get("repeat", 1))
    ]


def _request(case: Case, server: Server) -> bytes:
    said, names = case.said, server.names
    body = case.body(names)
    sign = said.get("sign", "none")
    signed = (
        []
        if sign == "none"
        else signing.headers(body, {"by": sign} if isinstance(sign, str) else sign)
    )
    if "raw" in said:
        proof = {"signature": dict(signed).get("X-Webhook-Signature", "")}
        text = reading.filled(said["raw"], {**names, **proof, "host": server.host})
        return str(text).encode("latin-1") + body
    headers: dict[str, Any] = {}
    if "json" in said or body:
        headers["Content-Type"] = (
            "application/x-www-form-urlencoded" if "form" in said else "application/json"
        )
    if said.get("as", "none") != "none":
        headers["Authorization"] = f"Bearer {names[said['as']]}"
    headers |= said.get("headers", {})
    flat = [
        (name, str(reading.filled(one, names)))
        for name, value in headers.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]
    given = {name.lower() for name in said.get("headers", {})}
    flat += [(name, value) for name, value in signed if name.lower() not in given]
    return wire.request(reading.filled(said["to"], names), flat, body, host=server.host)


def _check_answer(case: Case, answers: list[Answer | None], server: Server) -> None:
    answer = answers[-1]
    if case.status is None:
        assert answer is None, answer
        return
    assert answer is not None
    assert answer.status == case.status, answer
    assert answer.closed_with == case.said.get("closes"), answer
    body = answer.body.decode(errors="replace")
    missing = [one for one in case.said.get("shows", []) if one not in body]
    shown = [one for one in filled(case.said.get("hides", []), server.names) if one in body]
    assert (missing, shown) == ([], [])
    for name, value in case.said.get("answer_headers", {}).items():
        assert re.fullmatch(str(value), answer.headers.get(name.lower(), "")), answer
    shape = case.said.get("shape", "ours")
    if case.status >= 400 and shape == "ours":
        _check_error(case, answer)
    for path, value in case.said.get("answer", {}).items():
        found = paths.find(answer.json(), paths.split(path))
        first = paths.find(answers[0].json(), paths.split(path)) if answers[0] else None
        assert found == (first if value == "first" else value), (path, answer)


def _check_error(case: Case, answer: Answer) -> None:
    assert answer.headers["content-type"].startswith("application/json"), answer
    told = answer.json()
    assert told.keys() == SHAPE
    assert told["error_code"] == case.code, told
    assert told["error_message"]
    assert told["request_id"] == answer.headers["x-request-id"]
    missing = set(case.said.get("fields", [])) - told["details"].keys()
    assert not missing, told
    assert str(case.said.get("says", "")) in told["error_message"], told


def _check_stored(case: Case, answer: Answer | None) -> None:
    wanted = case.said.get("stored", {})
    if wanted and answer is not None:
        payload = Event.objects.get(pk=answer.json()["event_id"]).payload
        found = {path: paths.find(payload, paths.split(path)) for path in wanted}
        assert found == wanted
