"""Messages in files: shown to the workspace that sent them, and to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.mail import EmailMessage, get_connection
from django.test import Client
from pytest_django import Settings

from crm.models import Workspace
from executions.pages.mail import HEADER

FILES = "django.core.mail.backends.filebased.EmailBackend"


@pytest.fixture
def mail_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FILES, str(tmp_path)
    return tmp_path


def send(workspace: Workspace, subject: str) -> None:
    connection = get_connection(FILES)
    headers = {HEADER: str(workspace.pk)}
    EmailMessage(
        subject, "Grüße <b>!", to=["ada@example.org"], headers=headers, connection=connection
    ).send()


def test_only_own_messages_are_shown(
    acme: Workspace, other: Workspace, visitor: Client, mail_dir: Path
) -> None:
    send(acme, "Welcome, Ada")
    send(other, "Secret plans")
    page = visitor.get("/mail/")
    (letter,) = page.context["letters"]
    assert letter.subject == "Welcome, Ada"
    assert b"Secret plans" not in page.content
    shown = visitor.get(f"/mail/{letter.key}/").content.decode()
    assert "Grüße &lt;b&gt;!" in shown
    every = {f"{path.stem}-{number}" for path in mail_dir.iterdir() for number in range(2)}
    for foreign in every - {letter.key}:  # two of one moment may lie in one file
        assert visitor.get(f"/mail/{foreign}/").status_code == 404


@pytest.mark.parametrize(
    "key", ["..-0", "%2e%2e%2fsettings-0", "x", "20260101-000000-1-0", "a" * 300]
)
def test_what_is_no_message_is_not_found(key: str, visitor: Client, mail_dir: Path) -> None:
    assert visitor.get(f"/mail/{key}/").status_code == 404


def test_with_a_mail_server_there_is_no_such_page(visitor: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert visitor.get("/mail/").status_code == 404
