"""Requests to webhooks' addresses: looked up, counted, judged and stored, a group of them at a time.

    receive(arrivals)       sets the `answer` of each; what was accepted is committed by then
    judge(arrival)          for those that it leaves open: uploaded code takes its time; then `receive` again
    write_down(arrivals)    keeps the refused ones as rows

A group costs as many statements as one request. An address that nobody has takes the same way as one that somebody has
and a signature that does not fit: what differs is the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from django.conf import settings
from django.db import OperationalError, connection

from config.lib import clock, secrets, throttle
from config.lib.passing import gave_way
from config.lib.throttle import Limit
from crm import backlog
from triggers import intake, own_types, sources, webhook_secrets
from triggers.intake import Accepted, Answered, Refused
from triggers.models import WebhookEndpoint
from triggers.receiving.arrivals import AWAY, FAILED, NOT_FOUND, Answer, Arrival
from triggers.receiving.rejections import refused, write_down
from triggers.receiving.storing import dedupe_key, store
from triggers.sources import webhook

__all__ = [
    "AWAY",
    "FAILED",
    "NOT_FOUND",
    "Answer",
    "Arrival",
    "dedupe_key",
    "judge",
    "receive",
    "receive_alone",
    "refused",
    "write_down",
]

log = logging.getLogger(__name__)
OFF_SECONDS = 3600  # until a sender whose type is turned off should ask again
_DECOY = {"webhook_type": "generic", "webhook_config": {"secret": secrets.new_token("decoy")}}


def receive(arrivals: Sequence[Arrival]) -> None:
    """Raises OperationalError or InterfaceError where the database is away: then nothing is certain of what is open.

    A migration that locks several tables may lock them the other way round; who had to give way to it tries once more.
    """
    try:
        _receive(arrivals)
    except OperationalError as error:
        if not gave_way(error) or connection.in_atomic_block:
            raise
        log.warning("webhooks gave way in the database, trying again", exc_info=error)
        _receive(arrivals)


def _receive(arrivals: Sequence[Arrival]) -> None:
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
        store(accepted)


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
    except Refused as refusal:
        arrival.answer = refusal
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
