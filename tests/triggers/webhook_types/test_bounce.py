from __future__ import annotations

from typing import Any

import pytest

from tests.triggers.webhook_types import asking
from triggers import webhook_types
from triggers.sources.email import BOUNCED


def test_scheme() -> None:
    asking.check_scheme("bounce", {"secret": "a secret"}, "another secret")
    asking.check_covers_body("bounce", {"secret": "a secret"})
    asking.check_hostile_bodies("bounce")


@pytest.mark.parametrize(
    "body, addresses",
    [
        ({"email": "a@example.org", "reason": "550 no"}, ["a@example.org"]),
        (
            [
                {"event": "bounce", "email": "a@example.org"},
                {"event": "open", "email": "b@example.org"},
            ],
            ["a@example.org"],
        ),
        ({"event-data": {"event": "failed", "recipient": "a@example.org"}}, ["a@example.org"]),
        (
            {"RecordType": "Bounce", "Email": "a@example.org", "Description": "gone"},
            ["a@example.org"],
        ),
        ({"event": "delivered", "email": "a@example.org"}, []),
        ({"email": "nonsense"}, []),
    ],
    ids=["plain", "list", "nested", "capital letters", "delivered", "no address"],
)
def test_bounces(body: Any, addresses: list[str]) -> None:
    found = webhook_types.find("bounce").bounced(body)
    assert [one["email"]["to"][0] for one in found] == addresses
    for payload in found:
        BOUNCED.check(payload)
