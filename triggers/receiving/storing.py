"""Accepted requests become events: a group in one INSERT, each delivery once."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Sequence
from contextlib import nullcontext

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from config.lib import actors
from triggers import events, intake
from triggers.intake import Refused
from triggers.models import WebhookEndpoint
from triggers.receiving.arrivals import AWAY, FAILED, NOT_FOUND, Answer, Arrival
from triggers.sources import webhook
from triggers.sources.email import BOUNCED

log = logging.getLogger(__name__)


def store(arrivals: Sequence[Arrival]) -> None:
    """All in one transaction; where that fails, each in its own, so that none fails for its neighbour's sake."""
    try:
        _insert(arrivals)
    except Exception as error:
        if len(arrivals) > 1 and connection.is_usable():
            for arrival in arrivals:
                store([arrival])
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
        kind = arrival.found.kind
        status = kind.accepted_status if is_first else 200
        arrival.answer = Answer(status, kind.answer(str(rows[0].pk)), is_new=is_first)


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
