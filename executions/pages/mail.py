"""`/mail/`: what agents sent, while no mail server is set and messages are files (the demo).

A message belongs to the workspace that its header `X-Triggerfish-Workspace` names; nobody else gets to see it.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import heapq
import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpResponse

from executions.pages.ground import PageRequest, page, show

HEADER = "X-Triggerfish-Workspace"
NEWEST_FILES = 300  # looked at, of all workspaces together
SHOWN = 100
MAX_BYTES = 1024 * 1024
_NAME = re.compile(r"[0-9A-Za-z._-]{1,100}-[0-9]{1,3}\Z")
_SEPARATOR = b"-" * 79 + b"\n"  # Django writes it after each message of a file


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `key` is its file and its place in it."""

    key: str
    sender: str
    to: str
    subject: str
    body: str
    at: dt.datetime | None


@page()
def mailbox(request: PageRequest) -> HttpResponse:
    folder = _folder()
    letters: list[Letter] = []
    for path in heapq.nlargest(NEWEST_FILES, folder.glob("*.log"), key=lambda p: p.name):
        letters.extend(_letters(path, str(request.workspace.pk)))
        if len(letters) >= SHOWN:
            break
    return show(request, "mailbox", {"section": "mail", "letters": letters[:SHOWN]})


@page()
def letter(request: PageRequest, key: str) -> HttpResponse:
    if not _NAME.match(key):
        raise Http404
    path = _folder() / f"{key.rpartition('-')[0]}.log"
    for found in _letters(path, str(request.workspace.pk)):
        if found.key == key:
            return show(request, "letter", {"section": "mail", "letter": found})
    raise Http404


def is_on() -> bool:
    """Whether messages go to files at all."""
    return bool(settings.EMAIL_BACKEND.endswith("filebased.EmailBackend"))


def _folder() -> Path:
    if not is_on():
        raise Http404
    return Path(settings.EMAIL_FILE_PATH)


def _letters(path: Path, workspace_id: str) -> list[Letter]:
    """The messages of one file that this workspace sent, newest first; a file that cannot be read has none."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES)
    except OSError:
        return []
    found = []
    for index, part in enumerate(filter(None, raw.split(_SEPARATOR))):
        message = email.message_from_bytes(part, policy=email.policy.default)
        if message.get(HEADER, "").strip() == workspace_id:
            found.append(_letter(f"{path.stem}-{index}", message))
    return found[::-1]


def _letter(key: str, message: EmailMessage) -> Letter:
    body = message.get_body(preferencelist=("plain", "html"))
    try:
        text = str(body.get_content()) if body else ""
    except (LookupError, UnicodeError):
        text = "(this message cannot be shown)"
    return Letter(
        key,
        str(message["From"] or ""),
        str(message["To"] or ""),
        str(message["Subject"] or ""),
        text,
        _moment(str(message["Date"])),
    )


def _moment(date: str) -> dt.datetime | None:
    """`-0000` means UTC, and Python answers it without a zone."""
    try:
        at = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
