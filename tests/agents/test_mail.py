"""The door for outgoing mail, against a real server that breaks off, drips and refuses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import EmailMessage

from agents import mail
from agents.actions import ActionFailed, InDoubt
from tests.agents.mailserver import BREAK_OFF, DRIP, MailServer, mail_server


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    with mail_server(settings) as running:
        yield running


def sending() -> mail.Sending:
    return mail.Sending(EmailMessage("Hi", "Hello\n.\nAnn", "us@example.org", ["ann@example.org"]))


async def deliver() -> None:
    one = sending()
    await mail.deliver(one, run=one.run)


async def test_is_sent(server: MailServer) -> None:
    await deliver()
    assert b"Hello\r\n..\r\nAnn" in server.taken[0]


async def test_what_breaks_off_after_the_answer_is_sent(server: MailServer) -> None:
    server.faults["quit"] = BREAK_OFF
    await deliver()
    assert len(server.taken) == 1


@pytest.mark.parametrize("moment", ["greeting", "ehlo", "mail", "rcpt", "data"])
async def test_what_breaks_off_before_the_message_was_handed_over_may_be_tried_again(
    server: MailServer, moment: str
) -> None:
    server.faults = {moment: BREAK_OFF} | ({"helo": BREAK_OFF} if moment == "ehlo" else {})
    with pytest.raises(ActionFailed) as failed:
        await deliver()
    assert failed.value.retryable
    assert failed.value.host == f"127.0.0.1:{server.port}"
    assert not server.taken


async def test_what_breaks_off_after_that_is_in_doubt(server: MailServer) -> None:
    server.faults["body"] = BREAK_OFF
    with pytest.raises(InDoubt, match="is not known") as failed:
        await deliver()
    assert not failed.value.retryable
    assert len(server.taken) == 1


async def test_nobody_is_there(server: MailServer, settings: Any) -> None:
    settings.EMAIL_PORT = 9
    with pytest.raises(ActionFailed, match="cannot be reached") as failed:
        await deliver()
    assert (failed.value.retryable, failed.value.host) == (True, "127.0.0.1:9")


@pytest.mark.parametrize(
    "moment, answer, again, is_the_host",
    [
        ("greeting", "421 busy", True, True),
        ("greeting", "554 go away", True, True),
        ("mail", "421 closing", True, True),
        ("mail", "550 not you", False, False),
        ("rcpt", "450 later", True, False),
        ("rcpt", "550 nobody", False, False),
        ("data", "451 later", True, False),
        ("body", "451 later", True, False),
        ("body", "554 spam", False, False),
    ],
)
async def test_what_the_server_says(
    server: MailServer, moment: str, answer: str, again: bool, is_the_host: bool
) -> None:
    server.faults[moment] = answer
    with pytest.raises(ActionFailed) as failed:
        await deliver()
    assert not isinstance(failed.value, InDoubt)
    assert (failed.value.retryable, bool(failed.value.host)) == (again, is_the_host)


@pytest.mark.parametrize(
    "moment, error", [("greeting", ActionFailed), ("mail", ActionFailed), ("body", InDoubt)]
)
async def test_a_server_that_drips_is_left(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, moment: str, error: type[ActionFailed]
) -> None:
    """Each byte comes in time, and the answer never ends."""
    monkeypatch.setattr(mail, "SEND_SECONDS", 0.5)
    server.faults[moment] = DRIP
    began = time.monotonic()
    with pytest.raises(error) as failed:
        await deliver()
    assert type(failed.value) is error
    assert time.monotonic() - began < 20


async def test_a_caller_who_is_cancelled_breaks_it_off(server: MailServer) -> None:
    server.faults["mail"] = DRIP
    one = sending()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await mail.deliver(one, run=one.run)
    assert one.is_aborted
    began = time.monotonic()
    while mail._mailers._work_queue.qsize() or not one.sockets[0]._closed:  # type: ignore[attr-defined]
        assert time.monotonic() - began < 20
        await asyncio.sleep(0.02)
    assert not server.taken
