"""What is kept out of what people read."""

from __future__ import annotations

import pytest

from config.lib import secrets


@pytest.mark.parametrize(
    "text, redacted",
    [
        ("redis://ann:pw@host/0", "redis://ann:[redacted]@host/0"),
        ("GET https://e.org/?api_key=k1&q=2", "GET https://e.org/?api_key=[redacted]&q=2"),
        (
            "https://e.org/?q=2&access_token=k1#top",
            "https://e.org/?q=2&access_token=[redacted]#top",
        ),
        ("https://e.org/?author=ann&page=2", "https://e.org/?author=ann&page=2"),
        ("token=k1 without an address", "token=k1 without an address"),
    ],
)
def test_addresses_lose_their_secrets(text: str, redacted: str) -> None:
    assert secrets.redact_text(text) == redacted


def test_known_values_are_taken_out_wherever_they_stand() -> None:
    assert secrets.redact_text("bad key k1", known=("k1", "")) == "bad key [redacted]"


@pytest.mark.parametrize(
    "name", ["Authorization", "x-api-key", "Set-Cookie", "db_password", "secret"]
)
def test_secret_names(name: str) -> None:
    assert secrets.is_secret_name(name)
    assert secrets.redact({"a": [{name: "k1"}]}) == {"a": [{name: secrets.HIDDEN}]}


@pytest.mark.parametrize("name", ["title", "Content-Type", "passenger"])
def test_other_names(name: str) -> None:
    assert not secrets.is_secret_name(name)
