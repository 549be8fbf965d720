"""Sending e-mails."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem

from agents.actions import ActionFailed, Effect, registry
from agents.signals import email_finished
from crm.models import Workspace
from tests.agents.scenes import perform, problems, scene

ACME = Workspace(name="Acme", slug="acme")
GOOD = {"to": "ann@example.org", "subject": "Welcome", "body": "Hello Ann,\nwelcome."}


@pytest.fixture(autouse=True)
def told() -> Iterator[list[dict[str, Any]]]:
    """What was told of each try."""
    heard: list[dict[str, Any]] = []

    def hear(signal: Any, sender: Any, **said: Any) -> None:
        heard.append(said)

    others, email_finished.receivers = email_finished.receivers, []
    email_finished.connect(hear)
    yield heard
    email_finished.receivers = others


def test_sends_and_tells(told: list[dict[str, Any]]) -> None:
    where = scene(ACME)
    output = perform("send_email", where, **GOOD, reply_to="Bob Lee <bob@example.org>")
    (message,) = mail.outbox
    assert (message.to, message.subject, message.body) == (
        ["ann@example.org"],
        "Welcome",
        GOOD["body"],
    )
    assert message.reply_to == ['"Bob Lee" <bob@example.org>']
    assert message.extra_headers["Message-ID"] == output["message_id"]
    (said,) = told
    assert (said["ok"], said["error"], said["to"]) == (True, "", ["ann@example.org"])
    assert (said["workspace_id"], said["execution_id"]) == (where.workspace_id, where.execution_id)


def test_several_recipients_each_once() -> None:
    output = perform(
        "send_email",
        scene(ACME),
        **{**GOOD, "to": " ann@example.org, bob@example.org,,ann@example.org "},
    )
    assert output["to"] == ["ann@example.org", "bob@example.org"]
    output = perform(
        "send_email", scene(ACME), **{**GOOD, "to": ["ann@example.org", "Bob <bob@example.org>"]}
    )
    assert output["to"] == ["ann@example.org", '"Bob" <bob@example.org>']


def test_a_second_try_has_the_same_message_id() -> None:
    first, second = (perform("send_email", scene(ACME), **GOOD) for _ in range(2))
    other = perform("send_email", scene(ACME, idempotency_key="run:2"), **GOOD)
    assert first["message_id"] == second["message_id"] != other["message_id"]


@pytest.mark.parametrize(
    "params, message",
    [
        ({"to": ""}, "nobody to send"),
        ({"to": None}, "nobody to send"),
        ({"to": " , "}, "nobody to send"),
        ({"to": "ann"}, "is not an e-mail address"),
        ({"to": "ann@example.org\nBcc: eve@example.org"}, "is not an e-mail address"),
        ({"to": "ann@example.org\r\n"}, "is not an e-mail address"),
        ({"to": "<ann@example.org> <eve@example.org>"}, "is not an e-mail address"),
        ({"to": "Ann\x00 <ann@example.org>"}, "is not an e-mail address"),
        ({"to": {"a": 1}}, "to is a text"),
        ({"to": [["ann@example.org"]]}, "to is a text"),
        ({"to": ",".join(f"a{n}@example.org" for n in range(21))}, "at most 20"),
        ({"subject": ""}, "subject is empty"),
        ({"subject": "Hi\r\nBcc: eve@example.org"}, "one line"),
        ({"subject": "Hi\nX: 1"}, "one line"),
        ({"subject": "Hi\u2028X"}, "one line"),
        ({"body": " "}, "body is empty"),
        ({"reply_to": "a@example.org, b@example.org"}, "at most 1"),
        ({"reply_to": "nonsense"}, "reply_to: 'nonsense'"),
    ],
)
def test_what_cannot_be_sent_fails_in_words(
    told: list[dict[str, Any]], params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActionFailed, match=message) as failed:
        perform("send_email", scene(ACME), **{**GOOD, **params})
    assert not failed.value.retryable
    assert not mail.outbox
    assert not told


@pytest.mark.parametrize(
    "moment, error, message, again",
    [
        ("open", ConnectionRefusedError("refused"), "cannot be reached", True),
        ("open", smtplib.SMTPConnectError(421, b"busy"), "cannot be reached", True),
        ("open", smtplib.SMTPAuthenticationError(535, b"no"), "refuses our login", False),
        (
            "send",
            smtplib.SMTPRecipientsRefused({"ann@example.org": (550, b"no")}),
            "refuses ann",
            False,
        ),
        (
            "send",
            smtplib.SMTPRecipientsRefused({"ann@example.org": (450, b"later")}),
            "refuses ann",
            True,
        ),
        ("send", smtplib.SMTPDataError(554, b"spam"), "refuses the message", False),
        ("send", smtplib.SMTPDataError(451, b"later"), "refuses the message", True),
        ("send", smtplib.SMTPServerDisconnected("gone"), "broke off", True),
        ("send", TimeoutError("timed out"), "broke off", True),
    ],
)
def test_what_the_mail_server_says(
    monkeypatch: Any,
    told: list[dict[str, Any]],
    moment: str,
    error: Exception,
    message: str,
    again: bool,
) -> None:
    class Backend(locmem.EmailBackend):
        def open(self) -> None:
            if moment == "open":
                raise error

        def send_messages(self, messages: Any) -> int:
            raise error

    monkeypatch.setattr("agents.mail.get_connection", Backend)
    with pytest.raises(ActionFailed, match=message) as failed:
        perform("send_email", scene(ACME), **GOOD)
    assert failed.value.retryable is again
    (said,) = told
    assert not said["ok"]
    assert said["error"] == str(failed.value)


def test_a_listener_that_fails_does_not_make_a_sent_mail_a_failure(
    told: list[dict[str, Any]],
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("a bug elsewhere")

    email_finished.connect(broken)
    perform("send_email", scene(ACME), **GOOD)
    assert len(mail.outbox) == len(told) == 1


def test_checked_on_save() -> None:
    assert set(problems("send_email", ACME, to="ann", subject="a\nb", body="x", reply_to="bob")) == {
        "to", "subject", "reply_to",
    }  # fmt: skip
    assert not problems(
        "send_email", ACME, to="@contact.email, bob@example.org", subject="x", body="x"
    )


def test_is_an_outside_effect() -> None:
    assert registry.get("send_email").effect == Effect.OUTSIDE
