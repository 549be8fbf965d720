"""Requests to webhooks' addresses: looked up, counted, judged and stored, a group of them at a time.

    receive(arrivals)       sets the `answer` of each; what was accepted is committed by then
    judge(arrival)          for those that it leaves open: uploaded code takes its time; then `receive` again
    write_down(arrivals)    keeps the refused ones as rows

A group costs as many statements as one request. An address that nobody has takes the same way as one that somebody has
and a signature that does not fit: what differs is the answer.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from config.lib import actors, clock, outages, secrets, throttle
from config.lib.throttle import Limit
from crm import backlog
from triggers import events, intake, own_types, sources, webhook_secrets
from triggers.intake import Accepted, Answered, Refused
from triggers.models import WebhookEndpoint, WebhookRejection
from triggers.sources import webhook
from triggers.sources.email import BOUNCED
from triggers.webhook_types import Incoming

log = logging.getLogger(__name__)
OFF_SECONDS = 3600  # until a sender whose type is turned off should ask again
_DECOY = {"webhook_type": "generic", "webhook_config": {"secret": secrets.new_token("decoy")}}
NOT_FOUND = Refused(404, "not_found", "There is nothing at this address.")
AWAY = Refused(
    503,
    "unavailable",
    "The database is away; try again soon.",
    headers={"Retry-After": str(outages.RETRY_AFTER_SECONDS)},
)
FAILED = Refused(500, "server_error", "Something went wrong on our side; it has been logged.")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Arrival:
    """A request at an address, and what became of it.

    `network`: the peer as limits count it. `fault`: why it could not be read to its end; it is refused for that where
    somebody has the address. `size`: bytes of the body that were seen.
    """

    token: str
    request: Incoming
    network: str
    request_id: str
    fault: Refused | None = None
    size: int = 0
    endpoint: WebhookEndpoint | None = None
    at: float = 0.0  # the database's Unix time when it was looked up
    found: Accepted | None = None
    answer: Answer | Refused | None = None


def receive(arrivals: Sequence[Arrival]) -> None:
    """Raises OperationalError or InterfaceError where the database is away: then nothing is certain of what is open."""
    new = [one for one in arrivals if not one.at]
    if new:
        _look_up(new)
        _count(new)
        for arrival in new:
            if arrival.answer is None and not _takes_time(arrival):
                judge(arrival)
    for arrival in arrivals:
        if arrival.answer is None and arrival.found:
            _ask_for_room(arrival)
    accepted = [one for one in arrivals if one.answer is None and one.found]
    if accepted:
        _store(accepted)


def receive_alone(arrival: Arrival) -> Answer | Refused:
    """All of it for one request, in the thread of the caller."""
    receive([arrival])
    if arrival.answer is None:
        judge(arrival)
        receive([arrival])
    assert arrival.answer
    if is_refused := refused([arrival]):
        write_down(is_refused)
    return arrival.answer


def _look_up(arrivals: Sequence[Arrival]) -> None:
    """One query, so that a new, replaced or deleted address counts from the next group on."""
    now = clock.reckoned()
    digests = [secrets.digest(arrival.token) for arrival in arrivals]
    known = WebhookEndpoint.objects.at_each(digests, now=now)
    for arrival, digest in zip(arrivals, digests, strict=True):
        arrival.endpoint, arrival.at = known.get(digest), now.timestamp()


def _count(arrivals: Sequence[Arrival]) -> None:
    """One round trip; where nobody has the address, its peer is counted alone."""
    refusals = throttle.admit([_limits(arrival) for arrival in arrivals])
    for arrival, refusal in zip(arrivals, refusals, strict=True):
        if refusal:
            said = f"Too many requests; try again in {refusal.seconds} seconds."
            arrival.answer = _later("rate_limited", said, refusal.seconds)
            if refusal.limit.name == "webhook_peer":
                arrival.endpoint = None  # who floods us leaves no rows


def _limits(arrival: Arrival) -> list[Limit]:
    peer = Limit("webhook_peer", f"peer:{arrival.network}", settings.WEBHOOK_PER_PEER_MINUTE)
    if arrival.endpoint is None:
        return [peer]
    own = Limit("webhook", f"endpoint:{arrival.endpoint.pk}", settings.WEBHOOK_PER_MINUTE)
    return [peer, own, Limit("webhook_total", "all", settings.WEBHOOK_TOTAL_PER_MINUTE)]


def _later(code: str, message: str, wait: int) -> Refused:
    return Refused(429, code, message, headers={"Retry-After": str(wait)})


def _takes_time(arrival: Arrival) -> bool:
    if arrival.fault or arrival.endpoint is None:
        return False
    trigger = arrival.endpoint.trigger
    return trigger.own_type_id is not None or intake.runs_code(trigger.config)


def judge(arrival: Arrival) -> None:
    """Sets what was `found`, or the `answer`. Never raises."""
    try:
        found = _judge(arrival)
    except Refused as refused:
        arrival.answer = refused
    except Exception:
        log.exception("webhook not judged")
        arrival.answer = FAILED
    else:
        if isinstance(found, Accepted):
            arrival.found = found
        else:
            arrival.answer = found


def _judge(arrival: Arrival) -> Accepted | Answer | Refused:
    if arrival.endpoint is None:
        with suppress(Refused):
            intake.judge(arrival.request, _DECOY, now=arrival.at)
        return NOT_FOUND
    if arrival.fault:
        return arrival.fault
    trigger = arrival.endpoint.trigger
    if said := sources.why_off(webhook.WebhookSource.trigger_type, trigger.config):
        return Refused(503, "turned_off", said, headers={"Retry-After": str(OFF_SECONDS)})
    config = webhook_secrets.opened(trigger.config, sealed=trigger.sealed)
    find = partial(own_types.find, row=trigger.own_type)
    found = intake.judge(arrival.request, config, now=arrival.at, find=find)
    return Answer(200, found.body) if isinstance(found, Answered) else found


def _ask_for_room(arrival: Arrival) -> None:
    assert arrival.endpoint
    if wait := backlog.seconds_to_wait(arrival.endpoint.workspace):
        said = backlog.message(arrival.endpoint.workspace)
        arrival.answer = _later("queue_full", said, wait)


def _store(arrivals: Sequence[Arrival]) -> None:
    """All in one transaction; where that fails, each in its own, so that none fails for its neighbour's sake."""
    try:
        _insert(arrivals)
    except Exception as error:
        if len(arrivals) > 1 and connection.is_usable():
            for arrival in arrivals:
                _store([arrival])
        elif len(arrivals) > 1:
            raise
        else:
            arrivals[0].answer = _failure(error, arrivals[0])


def _failure(error: Exception, arrival: Arrival) -> Refused:
    """Why it could not be stored, although it was alone."""
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database away", exc_info=error)
        return AWAY
    assert arrival.endpoint
    same = WebhookEndpoint.objects.filter(pk=arrival.endpoint.pk)
    if isinstance(error, IntegrityError) and not same.exists():
        arrival.endpoint = None
        return NOT_FOUND  # its workspace was deleted this moment
    log.error("webhook not stored", exc_info=error)
    return FAILED


def _insert(arrivals: Sequence[Arrival]) -> None:
    """One INSERT; a delivery that is known already answers with its first event."""
    drafts = [_drafts(arrival) for arrival in arrivals]
    flat = [draft for some in drafts for draft in some]
    # A single statement is a transaction of its own, without two more ways to the database and back.
    together = transaction.atomic() if len(flat) > events.BATCH else nullcontext()
    with together, actors.acting_as("system"):
        stored = iter(events.emit_many(flat))
        recorded = [[next(stored) for _ in some] for some in drafts]
    for arrival, some, rows in zip(arrivals, drafts, recorded, strict=True):
        assert arrival.found
        is_first = rows[0].pk == some[0].id
        body = arrival.found.kind.answer(str(rows[0].pk))
        arrival.answer = Answer(202 if is_first else 200, body)


def _drafts(arrival: Arrival) -> list[events.Draft]:
    """The event of the request, and those that it tells of."""
    endpoint, found = arrival.endpoint, arrival.found
    assert endpoint
    assert found
    key = dedupe_key(endpoint.pk, found.delivery_id)
    return [
        events.Draft(
            webhook.type_name(found.kind.name),
            endpoint.workspace_id,
            found.payload,
            topic=webhook.topic(endpoint.trigger_id),
            source="webhook",
            dedupe_key=key,
            verified=found.verified,
            max_bytes=intake.MAX_STORED_BYTES,
            correlation_id=arrival.request_id,
        ),
        *(
            events.Draft(
                BOUNCED,
                endpoint.workspace_id,
                payload,
                source="webhook",
                dedupe_key=key and f"{key}:{number}",
                verified=found.verified,
                correlation_id=arrival.request_id,
            )
            for number, payload in enumerate(found.bounces)
        ),
    ]


def dedupe_key(endpoint_id: uuid.UUID, delivery_id: str) -> str:
    """What a delivery is known by at this endpoint alone, however long its id; empty where it has none."""
    if not delivery_id:
        return ""
    named = hashlib.sha256(delivery_id.encode("utf-8", "replace")).hexdigest()
    return f"{endpoint_id}:{named}"


def refused(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Those that `write_down` would keep: at an address that somebody has, and not for a fault of ours."""
    return [
        one
        for one in arrivals
        if one.endpoint and isinstance(one.answer, Refused) and one.answer not in (AWAY, FAILED)
    ]


def write_down(arrivals: Sequence[Arrival]) -> None:
    """Bounded: a sender that goes wrong a thousand times a minute leaves a few rows a minute."""
    limit = settings.WEBHOOK_REJECTIONS_PER_MINUTE
    calls = [
        [Limit("webhook_rejections", f"endpoint:{one.endpoint.pk}", limit)]
        for one in arrivals
        if one.endpoint
    ]
    kept = [
        one
        for one, is_too_much in zip(arrivals, throttle.admit(calls), strict=True)
        if not is_too_much
    ]
    WebhookRejection.objects.bulk_create(_rejection(one) for one in kept)


def _rejection(arrival: Arrival) -> WebhookRejection:
    endpoint, request, answer = arrival.endpoint, arrival.request, arrival.answer
    assert endpoint
    assert isinstance(answer, Refused)
    return WebhookRejection(
        workspace_id=endpoint.workspace_id,
        trigger_id=endpoint.trigger_id,
        status=answer.status,
        reason=answer.code,
        detail=answer.detail[:500].replace("\x00", ""),
        service=str(endpoint.trigger.config.get("webhook_type", ""))[:50],
        delivery_id=intake.claimed_delivery(request, endpoint.trigger.config),
        method=request.method[:10],
        peer=request.peer[:50],
        headers=intake.seen_headers(request),
        size=arrival.size,
    )
