"""Letters about alerts: to whom, how often, and what happens while the mail server is away."""

from __future__ import annotations

import datetime as dt
import socket
from typing import Any

import pytest
from django.core import mail
from pytest_django import Settings

from config.lib import clock
from crm.models import Role, Workspace
from executions import alert_mail, alerts
from executions.models import Alert, AlertKind
from tests.conftest import MakeMember

pytestmark = pytest.mark.django_db


def raised(workspace: Workspace, key: str, *, cause: str = "", minutes_ago: float = 1) -> Alert:
    alerts.raise_alert(workspace.pk, AlertKind.LOOP, f"About {key}", dedupe_key=key, cause=cause)
    at = clock.now() - dt.timedelta(minutes=minutes_ago)
    Alert.objects.filter(dedupe_key=key).update(created_at=at)
    return Alert.objects.get(dedupe_key=key)


def later(**more: float) -> dt.datetime:
    return clock.now() + dt.timedelta(**more)


def test_owners_and_admins_are_written_to(
    acme: Workspace, owner: Any, member: MakeMember, stranger: Any
) -> None:
    member("adam", role=Role.ADMIN)
    member("edith", role=Role.EDITOR)
    gone = member("gone", role=Role.ADMIN)
    gone.is_active = False
    gone.save()
    raised(acme, "x")
    assert alert_mail.mail_due() == 1
    (letter,) = mail.outbox
    assert letter.to == ["adam@example.org", "ann@example.org"]
    assert letter.subject == "Acme: Loop stopped"
    assert "About x" in letter.body
    assert letter.extra_headers["X-Triggerfish-Workspace"] == str(acme.pk)


def test_several_come_in_one_letter_after_a_moment(acme: Workspace, owner: Any) -> None:
    for number in range(40):
        raised(acme, f"key {number}", cause=f"{number}", minutes_ago=0)
    assert alert_mail.mail_due() == 0
    assert alert_mail.mail_due(now=later(seconds=31)) == 1
    assert mail.outbox[0].subject == "Acme: 40 alerts"
    assert "And 10 more." in mail.outbox[0].body
    assert not Alert.objects.filter(mailed_at=None).exists()


def test_one_cause_is_written_about_once_an_hour_and_nothing_is_lost(
    acme: Workspace, owner: Any
) -> None:
    raised(acme, "first", cause="agent 1")
    assert alert_mail.mail_due() == 1
    for key in ("second", "third"):
        raised(acme, key, cause="agent 1")
    raised(acme, "other", cause="agent 2")
    assert alert_mail.mail_due(now=later(minutes=5)) == 1
    assert "About other" in mail.outbox[1].body
    assert alert_mail.mail_due(now=later(minutes=50)) == 0
    assert alert_mail.mail_due(now=later(minutes=61)) == 1
    assert "About second" in mail.outbox[2].body
    assert "About third" in mail.outbox[2].body


def test_a_mail_server_that_is_away_loses_nothing(
    acme: Workspace, owner: Any, settings: Settings
) -> None:
    raised(acme, "x")
    working = settings.EMAIL_BACKEND
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = nobody.getsockname()
        assert alert_mail.mail_due() == 0
    settings.EMAIL_BACKEND = working
    assert Alert.objects.get().mailed_at is None
    assert alert_mail.mail_due() == 0  # not at once again
    assert alert_mail.mail_due(now=later(seconds=61)) == 1
    assert alert_mail.mail_due(now=later(minutes=5)) == 0


def test_what_was_resolved_meanwhile_is_not_written(acme: Workspace, owner: Any) -> None:
    raised(acme, "x")
    alerts.resolve(Alert.objects.all(), user_id=owner.pk, now=clock.now())
    assert alert_mail.mail_due() == 0


def test_a_workspace_without_anybody_to_write_to_is_done(acme: Workspace) -> None:
    raised(acme, "x")
    assert alert_mail.mail_due() == 0
    assert Alert.objects.get().mailed_at is not None


def test_text_of_others_makes_no_header_and_no_markup(acme: Workspace, owner: Any) -> None:
    Workspace.objects.update(name="Acme\nBcc: eve@example.org")
    raised(acme, "<b>&'")
    alert_mail.mail_due()
    assert mail.outbox[0].subject == "Acme Bcc: eve@example.org: Loop stopped"
    assert "About <b>&'" in mail.outbox[0].body
