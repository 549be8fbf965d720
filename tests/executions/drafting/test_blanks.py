"""No address stays in a draft that nobody named."""

from __future__ import annotations

from typing import Any

import pytest

from executions.drafting import blanks

KNOWN = frozenset({"ann@acme.example"})


def mail(**params: Any) -> dict[str, Any]:
    return {"agent": {"steps": [{"action": "send_email", "params": params}]}, "trigger": {}}


def kept(description: str, **params: Any) -> dict[str, Any]:
    draft = blanks.filled(mail(**params), description, known=KNOWN)
    found: dict[str, Any] = draft["agent"]["steps"][0]["params"]
    return found


SAID = [
    ("mail boss@acme.example", "boss@acme.example"),
    ("Mail Boss@Acme.example.", "boss@acme.example"),
    ("mail a@x.example and b@x.example", "a@x.example, b@x.example"),
    ("mail Ann", "ann@acme.example"),  # a member
    ("mail the contact", "@contact.email"),
]
UNSAID = [
    ("mail sales", "sales@acme.example"),
    ("mail notboss@acme.example", "boss@acme.example"),  # a part of what was said is not it
    ("mail boss@acme.example.org", "boss@acme.example"),
    ("mail sales", "sales"),
    ("mail a@x.example", "a@x.example, b@x.example"),
]


@pytest.mark.parametrize(("description", "to"), SAID)
def test_who_is_named_stays(description: str, to: str) -> None:
    assert kept(description, to=to)["to"] == to


@pytest.mark.parametrize(("description", "to"), UNSAID)
def test_who_is_not_named_is_a_blank(description: str, to: str) -> None:
    assert blanks.MARK.search(kept(description, to=to)["to"])


def test_links_in_texts_are_blanks_unless_they_were_said() -> None:
    said = "send them https://acme.example/offer"
    body = "https://acme.example/offer?id=@deal.id or https://evil.example, www.evil.example, https://acme.example.evil/"
    found = kept(said, to="@contact.email", body=body)["body"]
    assert "https://acme.example/offer?id=@deal.id" in found
    assert "evil" not in found


def test_variables_and_the_like_are_no_addresses() -> None:
    text = "Hello @contact.first_name, @@ours, 5@6"
    assert kept("mail the contact", to="@contact.email", body=text)["body"] == text


def test_blanks_are_problems_until_they_are_filled_in() -> None:
    draft = mail(to=blanks.mark("who"), subject="x", body="y")
    assert list(blanks.unfilled(draft)) == ["agent.steps[0].params.to"]
    assert "agent.steps[0].params.to" in blanks.questions(draft)[0]
    assert blanks.unfilled(mail(to="a@x.example")) == {}
