"""Addresses of webhooks are not guessed."""

from __future__ import annotations

import base64

import pytest

from agents.models import Agent
from config.lib import clock, secrets
from tests.stories import MakeAgent
from triggers import blueprint, receiving
from triggers.intake import Refused
from triggers.models import Trigger, WebhookEndpoint
from triggers.receiving import Arrival
from triggers.webhook_types import Incoming

GUESSES, AT_ONCE = 10_000, 1_000


@pytest.fixture
def endpoint(make_agent: MakeAgent) -> WebhookEndpoint:
    return _endpoint(make_agent("Hears"), "Orders")


def _endpoint(agent: Agent, name: str) -> WebhookEndpoint:
    trigger = Trigger(workspace=agent.workspace)
    given = {
        "name": name,
        "agent_id": str(agent.pk),
        "trigger_type": "webhook",
        "config": {"webhook_config": {"secret": "a secret of some length"}},
    }
    blueprint.store(trigger, given)
    return WebhookEndpoint.objects.get(trigger=trigger)


def test_an_address_is_256_random_bits() -> None:
    tokens = [secrets.new_token("wh") for _ in range(1000)]
    raw = [base64.urlsafe_b64decode(token.removeprefix("wh_") + "=") for token in tokens]
    assert {len(one) for one in raw} == {32}
    assert all(len({one[place] for one in raw}) > 200 for place in range(32))


def test_no_guess_hits(endpoint: WebhookEndpoint) -> None:
    for _ in range(GUESSES // AT_ONCE):
        digests = [secrets.digest(secrets.new_token("wh")) for _ in range(AT_ONCE)]
        assert WebhookEndpoint.objects.at_each(digests, now=clock.now()) == {}
    found = WebhookEndpoint.objects.at_each([secrets.digest(endpoint.sealed)], now=clock.now())
    assert list(found.values()) == [endpoint]


def test_a_stored_hash_opens_nothing(endpoint: WebhookEndpoint) -> None:
    for token in (endpoint.token_hash, str(endpoint.pk), str(endpoint.trigger_id)):
        assert _asked(token).status == 404


def _arrival(token: str) -> Arrival:
    request = Incoming(
        "POST", {"content-type": "application/json", "x-webhook-signature": "0" * 64}, b"{}"
    )
    return Arrival(token, request, "192.0.2.7", "r")


def _asked(token: str) -> Refused:
    arrival = _arrival(token)
    receiving.receive([arrival])
    assert isinstance(arrival.answer, Refused)
    return arrival.answer
