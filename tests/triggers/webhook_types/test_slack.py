from __future__ import annotations

from tests.triggers.webhook_types import asking
from triggers import webhook_types

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CONFIG = {"secret": SECRET}


def test_scheme() -> None:
    asking.check_scheme("slack", CONFIG, "another secret")
    asking.check_covers_body("slack", CONFIG)
    asking.check_times("slack", CONFIG)
    asking.check_hostile_bodies("slack")


def test_the_example_of_slack_s_documentation() -> None:
    """docs.slack.dev, Verifying requests from Slack."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    asked = asking.request(body, headers)
    assert asking.is_verified("slack", asked, CONFIG, now=1531420618.0)
    assert not asking.is_verified("slack", asked, CONFIG, now=1531420618.0 + 301)


def test_the_test_of_the_address_is_answered() -> None:
    slack = webhook_types.find("slack")
    assert slack.reply_at_once({"type": "url_verification", "challenge": "3eZ"}) == {
        "challenge": "3eZ"
    }
    assert slack.reply_at_once({"type": "event_callback", "challenge": "3eZ"}) is None


def test_what_is_read() -> None:
    body = {
        "type": "event_callback",
        "event_id": "Ev1",
        "event": {"type": "message", "text": "Hi", "user": "U1"},
    }
    found = asking.parsed("slack", body)
    assert (found["type"], found["text"], found["user"]) == ("message", "Hi", "U1")
    assert webhook_types.find("slack").delivery_id(asking.request(body, {}), body) == "Ev1"
