from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.triggers.webhook_types import asking
from triggers import webhook_types

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONFIG = {"secret": SECRET}
OTHER = "whsec_" + base64.b64encode(b"x" * 24).decode()
NOW = int(asking.NOW)


def test_scheme() -> None:
    asking.check_covers_body("standard", CONFIG)
    asking.check_times("standard", CONFIG)
    asking.check_hostile_bodies("standard")
    headers = webhook_types.find("standard").sign(b"{}", CONFIG, now=NOW)
    rotated = {"secret": OTHER, "previous_secret": SECRET}
    assert asking.is_verified("standard", asking.request(b"{}", headers), rotated)
    assert not asking.is_verified("standard", asking.request(b"{}", headers), {"secret": OTHER})
    for name in headers:
        assert not asking.is_verified(
            "standard", asking.request(b"{}", {**headers, name: ""}), CONFIG
        )


def test_the_example_of_the_reference_libraries() -> None:
    """The vector in the tests of the standardwebhooks libraries."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    asked = asking.request(b'{"test": 2432232314}', headers)
    assert asking.is_verified("standard", asked, CONFIG, now=1614265330.0)


def test_public_keys_prove_v1a_entries_only() -> None:
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    config = {"secret": "whpk_" + base64.b64encode(raw).decode()}
    signature = base64.b64encode(private.sign(f"m1.{NOW}.{{}}".encode())).decode()
    headers = {"webhook-id": "m1", "webhook-timestamp": str(NOW)}
    for entries, fits in (
        (f"v1a,{signature}", True),
        (f"v1,{signature}", False),
        (f"v1,AAAA v1a,{signature}", True),
        ("v1a,AAAA", False),
    ):
        asked = asking.request(b"{}", {**headers, "webhook-signature": entries})
        assert asking.is_verified("standard", asked, config) is fits, entries


@pytest.mark.parametrize("key", ["whsec_", "whsec_!!!", "whpk_AAAA", "short", "whsec_AAAA"])
def test_keys_that_are_none(key: str) -> None:
    assert "secret" in webhook_types.find("standard").problems({"secret": key})
