from __future__ import annotations

from tests.triggers.webhook_types import asking
from triggers import webhook_types

CONFIG = {"secret": "It's a Secret to Everybody"}


def test_scheme() -> None:
    asking.check_scheme("github", CONFIG, "another secret")
    asking.check_covers_body("github", CONFIG)
    asking.check_hostile_bodies("github")


def test_the_example_of_github_s_documentation() -> None:
    """docs.github.com, Validating webhook deliveries: Testing the webhook payload validation."""
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"X-Hub-Signature-256": signature}
    assert asking.is_verified("github", asking.request(b"Hello, World!", headers), CONFIG)
    assert not asking.is_verified("github", asking.request(b"Hello, World", headers), CONFIG)


def test_an_old_signature_alone_proves_nothing() -> None:
    headers = {"X-Hub-Signature": "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"}
    assert not asking.is_verified("github", asking.request(b"Hello, World!", headers), CONFIG)


def test_what_is_read() -> None:
    body = {
        "action": "opened",
        "issue": {"number": 7, "title": "Broken", "html_url": "https://github.com/a/b/issues/7"},
        "repository": {"full_name": "a/b"},
        "sender": {"login": "ann"},
    }
    found = asking.parsed("github", body, {"X-GitHub-Event": "issues"})
    assert (found["event"], found["action"], found["number"]) == ("issues", "opened", 7)
    assert (found["repository"], found["sender"], found["title"]) == ("a/b", "ann", "Broken")


def test_a_body_in_a_form() -> None:
    assert asking.parsed("github", {"payload": '{"action": "opened"}'})["action"] == "opened"
    assert asking.parsed("github", {"payload": "{"})["action"] is None


def test_a_delivery_is_known_by_its_id() -> None:
    asked = asking.request({}, {"X-GitHub-Delivery": "72d3162e"})
    assert webhook_types.find("github").delivery_id(asked, {}) == "72d3162e"
