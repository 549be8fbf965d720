"""Limits of webhooks: how many requests are taken, and from whom."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from tests.triggers.hooks import send
from triggers.models import Trigger, WebhookRejection

pytestmark = pytest.mark.django_db


def flood(times: int, *tokens: str, **more: Any) -> list[Any]:
    return [send(token, **more) for token in tokens for _ in range(times)]


def check(answers: list[Any], *, admitted: int) -> None:
    statuses = [found.status_code for found in answers]
    assert statuses == [202] * admitted + [429] * (len(answers) - admitted)
    late = answers[-1]
    assert late.json()["error_code"] == "rate_limited"
    assert 0 < int(late["Retry-After"]) <= 120


def test_an_address_has_a_limit(token: str, settings: Settings) -> None:
    settings.WEBHOOK_PER_MINUTE = 3
    check(flood(5, token), admitted=3)


def test_all_addresses_together_have_a_limit(token: str, settings: Settings) -> None:
    assert send(token).status_code == 202
    settings.WEBHOOK_TOTAL_PER_MINUTE = 1
    check(flood(2, token), admitted=0)


@pytest.mark.parametrize(
    "proxies, remote, forwarded",
    [
        (0, "198.51.100.{n}", "192.0.2.7"),
        (1, "127.0.0.1", "192.0.2.7, 198.51.101.{n}"),
        (0, "2001:db8:0:{n}::1", ""),
    ],
    ids=["header ignored", "behind a proxy", "different /64"],
)
def test_others_are_not_limited_for_a_flood(
    proxies: int, remote: str, forwarded: str, token: str, settings: Settings
) -> None:
    settings.WEBHOOK_PER_PEER_MINUTE, settings.NUM_PROXIES = 1, proxies
    for n in range(10, 14):
        given = {"X-Forwarded-For": forwarded.format(n=n)} if forwarded else {}
        assert send(token, headers=given, REMOTE_ADDR=remote.format(n=n)).status_code == 202


@pytest.mark.parametrize(
    "proxies, remote, forwarded",
    [
        (0, "203.0.113.5", "192.0.2.{n}"),
        (1, "127.0.0.1", "192.0.2.{n}, 203.0.113.6"),
        (0, "2001:db8:7:7::{n}", ""),
        (0, "::ffff:203.0.113.8", "192.0.2.{n}"),
    ],
    ids=["invented header", "invented before our proxy", "one /64", "v4 in v6"],
)
def test_one_peer_is_limited_whatever_it_says(
    proxies: int, remote: str, forwarded: str, token: str, settings: Settings
) -> None:
    settings.WEBHOOK_PER_PEER_MINUTE, settings.NUM_PROXIES = 3, proxies
    answers = []
    for n in range(6):
        given = {"X-Forwarded-For": forwarded.format(n=n)} if forwarded else {}
        answers.append(send(token, headers=given, REMOTE_ADDR=remote.format(n=n)))
    check(answers, admitted=3)
    assert not WebhookRejection.objects.exists(), "a flood leaves no rows"


@pytest.mark.parametrize(
    "allowed, peer, status",
    [
        ("192.0.2.0/24", "192.0.2.9", 202),
        ("192.0.2.0/24", "192.0.3.9", 403),
        ("192.0.2.9", "192.0.2.9", 202),
        ("192.0.2.0/24", "::ffff:192.0.2.9", 202),
        ("2001:db8::/32", "2001:db8:1::5", 202),
        ("2001:db8::/32", "2001:db9::5", 403),
        ("2001:db8::1", "2001:0db8:0:0::1", 202),
        ("2001:db8::/32", "192.0.2.9", 403),
        ("192.0.2.0/24", "", 403),
    ],
)
def test_only_who_is_allowed_gets_in(allowed: str, peer: str, status: int, token: str) -> None:
    trigger = Trigger.objects.get(trigger_type="webhook")
    trigger.config["validation_rules"] = {"allowed_ips": [allowed]}
    trigger.save()
    assert send(token, REMOTE_ADDR=peer).status_code == status


def test_rows_of_refused_requests_are_bounded(token: str, settings: Settings) -> None:
    settings.WEBHOOK_REJECTIONS_PER_MINUTE = 3
    wrong = {"X-Webhook-Signature": "0"}
    assert {found.status_code for found in flood(8, token, headers=wrong)} == {401}
    assert WebhookRejection.objects.count() == 3
