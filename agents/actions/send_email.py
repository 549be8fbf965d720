"""Send an e-mail: plain text, through Django's mail backend."""

from __future__ import annotations

import contextvars
import hashlib
import re
from email.utils import parseaddr
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import connections

from agents import actions, hosts, mail, params, templating
from agents.actions import ActionFailed, Effect, Scene
from agents.signals import email_finished
from crm.models import Workspace

MAX_RECIPIENTS = 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_NAMED = re.compile(r'(?P<name>[^<>"]*|"[^"]*" *)<(?P<address>[^<>\s]+)>\Z')
_MAX_ADDRESS = 500  # with a name

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "to": {
            "x-guarded": True,
            "type": "string",
            "title": "To",
            "description": f"An address, or up to {MAX_RECIPIENTS} with commas between. For example: @contact.email",
            "minLength": 1,
            "maxLength": 6000,
        },
        "subject": {
            "type": "string",
            "title": "Subject",
            "description": "For example: Welcome, @contact.first_name",
            "minLength": 1,
            "maxLength": 500,
        },
        "body": {
            "type": "string",
            "title": "Text",
            "minLength": 1,
            "maxLength": 100_000,
            "x-widget": "textarea",
        },
        "reply_to": {
            "x-guarded": True,
            "type": "string",
            "title": "Reply to",
            "description": "One address; empty for the sender.",
            "maxLength": 500,
        },
    },
    "required": ["to", "subject", "body"],
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    problems: dict[str, str] = {}
    for name, at_most in (("to", MAX_RECIPIENTS), ("reply_to", 1)):
        if not templating.variables_in(values.get(name, "")):
            try:
                _addresses(values, name, at_most=at_most)
            except ActionFailed as error:
                problems[name] = str(error)
    if _CONTROL.search(values["subject"].strip()):
        problems["subject"] = "The subject is one line."
    return problems


@actions.register(
    name="send_email",
    label="Send e-mail",
    description="Sends an e-mail of plain text.",
    schema=SCHEMA,
    effect=Effect.OUTSIDE,
    check=check,
    icon="mail",
    output_sample={
        "to": ["ann@example.org"],
        "subject": "Welcome, Ann",
        "message_id": "<…@example.org>",
    },
)
async def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    message = _message(scene, values)
    context = (
        contextvars.copy_context()
    )  # with the cause, so that the event tells which run sent it
    sending = mail.Sending(message)
    host, seconds = mail.host(), mail.SEND_SECONDS
    async with hosts.calling(scene.workspace_id, host, seconds=seconds) as call:
        await mail.deliver(sending, run=partial(context.run, _send_and_tell, sending, scene))
        call.answered = True
    return {
        "to": message.to,
        "subject": message.subject,
        "message_id": message.extra_headers["Message-ID"],
    }


# --- the message ----------------------------------------------------------------------------------


def _message(scene: Scene, values: dict[str, Any]) -> EmailMessage:
    subject = params.required_text(values, "subject", max_length=998)
    if _CONTROL.search(subject):
        raise ActionFailed("The subject has a line break, and it must be one line.")
    key = hashlib.sha256(scene.idempotency_key.encode()).hexdigest()[:32]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return EmailMessage(
        subject=subject,
        body=params.required_text(values, "body", max_length=200_000),
        to=_addresses(values, "to", at_most=MAX_RECIPIENTS),
        reply_to=_addresses(values, "reply_to", at_most=1),
        headers={
            "Message-ID": f"<{key}@{domain}>",
            "Auto-Submitted": "auto-generated",
            "X-Triggerfish-Workspace": str(
                scene.workspace_id
            ),  # whose message it is, where messages are files
        },
    )


def _addresses(values: dict[str, Any], name: str, *, at_most: int) -> list[str]:
    """The addresses of a param, each checked: a text with commas, or a list that a variable put there."""
    given = values.get(name)
    parts = given if isinstance(given, list) else params.as_text(given, name=name).split(",")
    found = [
        _address(params.as_text(part, name=name), name) for part in parts if part not in ("", None)
    ]
    found = list(dict.fromkeys(address for address in found if address))
    if not found and name == "to":
        raise ActionFailed("to is empty: there is nobody to send the e-mail to.")
    if len(found) > at_most:
        raise ActionFailed(f"{name} has {len(found)} addresses, and at most {at_most} may be.")
    return found


def _address(text: str, param: str) -> str:
    """`ann@example.org` or `Ann Lee <ann@example.org>`; empty where there is only white space."""
    text = text.strip(" ")
    if not text:
        return ""
    named = _NAMED.match(text)
    address = named["address"] if named else text
    if len(text) > _MAX_ADDRESS or _CONTROL.search(text) or not _is_email(address):
        raise ActionFailed(f"{param}: {text[:100]!r} is not an e-mail address.")
    name = named["name"].strip(' "') if named else ""
    return f'"{name}" <{address}>' if name else address


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


# --- sending, in a thread of its own --------------------------------------------------------------


def _send_and_tell(sending: mail.Sending, scene: Scene) -> None:
    """Also when the run has given up meanwhile: what happened to the message is told as it was."""
    message, error = sending.message, "The message could not be built."
    try:
        sending.run()
        error = ""
    except ActionFailed as failure:
        error = str(failure)
        raise
    finally:
        email_finished.send_robust(
            sender=None,
            workspace_id=scene.workspace_id,
            to=message.to,
            subject=message.subject,
            ok=not error,
            error=error,
            execution_id=scene.execution_id,
        )
        connections.close_all()  # those of this thread, that receivers opened
