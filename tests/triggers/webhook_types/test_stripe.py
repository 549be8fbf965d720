from __future__ import annotations

import pytest

from tests.triggers.webhook_types import asking
from triggers import webhook_types

CONFIG = {"secret": "whsec_test_secret"}
NOW = int(asking.NOW)


def signature(body: bytes = b"{}") -> str:
    signed = webhook_types.find("stripe").sign(body, CONFIG, now=NOW)["Stripe-Signature"]
    return signed.partition("v1=")[2]


def test_scheme() -> None:
    asking.check_scheme("stripe", CONFIG, "whsec_another")
    asking.check_covers_body("stripe", CONFIG)
    asking.check_times("stripe", CONFIG)
    asking.check_hostile_bodies("stripe")


@pytest.mark.parametrize(
    "header, fits",
    [
        ("t={now},v1={good}", True),
        ("t={now},v1=00,v1={good}", True),
        ("t={now},v1={good},v0=00", True),
        ("t={now}, v1={good}", True),
        ("t={now},v0={good}", False),
        ("v1={good}", False),
        ("t={now},t={now},v1={good}", False),
        ("t=,v1={good}", False),
        ("t={now}.0,v1={good}", False),
        ("t={now},v1=", False),
        ("t={now}", False),
    ],
)
def test_header(header: str, fits: bool) -> None:
    told = header.format(now=NOW, good=signature())
    asked = asking.request(b"{}", {"Stripe-Signature": told})
    assert asking.is_verified("stripe", asked, CONFIG) is fits


def test_what_is_read() -> None:
    body = {
        "id": "evt_1",
        "type": "charge.succeeded",
        "data": {"object": {"id": "ch_1", "amount": 2000}},
    }
    found = asking.parsed("stripe", body)
    assert (found["type"], found["object_id"], found["amount"]) == (
        "charge.succeeded",
        "ch_1",
        2000,
    )
    assert webhook_types.find("stripe").delivery_id(asking.request(body, {}), body) == "evt_1"
