"""Who may listen to live news: a seat is a person in a workspace, checked when taken and again while it is held."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import redis
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.core import signing
from django.core.cache import cache
from django.utils import timezone

from agents.models import Agent
from crm import access
from crm.models import ApiToken, Membership

TICKET_SECONDS = 60
UNAUTHENTICATED, FORBIDDEN, NOT_FOUND = 4401, 4403, 4404  # close codes, after the HTTP statuses
_SALT = "executions.live-ticket"


class Refused(Exception):
    """`code`: what the socket is closed with."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(frozen=True, slots=True)
class Seat:
    """`auth_hash` changes with the password; `session_key` or `token_id` tell what the person came with."""

    user_id: int
    auth_hash: str
    workspace_id: uuid.UUID
    session_key: str = ""
    token_id: uuid.UUID | None = None
    agent_id: str = ""  # only news of this agent


def issue_ticket(*, user_id: int, workspace_id: uuid.UUID, token_id: uuid.UUID | None) -> str:
    """A key to one websocket, good once and for 60 s, for clients that can send no header."""
    body = {
        "user": user_id,
        "workspace": str(workspace_id),
        "token": str(token_id or ""),
        "once": secrets.token_urlsafe(12),
    }
    return signing.dumps(body, salt=_SALT)


def take(*, session_key: str, query: dict[str, str]) -> Seat:
    """The seat that a ticket or a session gives right to; raises Refused.

    `query`: `ticket`; `workspace`, a slug, of those that the person belongs to; `agent_id`.
    """
    seat = (
        _by_ticket(query["ticket"])
        if query.get("ticket")
        else _by_session(session_key, query.get("workspace", ""))
    )
    if not (agent_id := query.get("agent_id", "")):
        return seat
    try:
        known = Agent.objects.filter(
            workspace_id=seat.workspace_id, pk=uuid.UUID(agent_id)
        ).exists()
    except ValueError:
        known = False
    if not known:
        raise Refused(NOT_FOUND)
    return Seat(
        seat.user_id,
        seat.auth_hash,
        seat.workspace_id,
        seat.session_key,
        seat.token_id,
        str(uuid.UUID(agent_id)),
    )


def check(seat: Seat) -> None:
    """Raises Refused once the person has logged out, has a new password or no membership, or the token is revoked."""
    user = _session_user(seat.session_key) if seat.session_key else _active_user(seat.user_id)
    if user.pk != seat.user_id or user.get_session_auth_hash() != seat.auth_hash:
        raise Refused(UNAUTHENTICATED)
    if seat.token_id:
        _usable_token(seat.token_id)
    if not Membership.objects.filter(user_id=seat.user_id, workspace_id=seat.workspace_id).exists():
        raise Refused(FORBIDDEN)


def _by_session(session_key: str, slug: str) -> Seat:
    user = _session_user(session_key)
    memberships = Membership.objects.filter(user=user).order_by("workspace__name")
    chosen = slug or str(_session(session_key).get(access.SESSION_KEY, ""))
    mine = {m.workspace.slug: m.workspace_id for m in memberships.select_related("workspace")}
    if not mine or (slug and slug not in mine):
        raise Refused(FORBIDDEN)
    workspace_id = mine.get(chosen) or next(iter(mine.values()))
    return Seat(user.pk, user.get_session_auth_hash(), workspace_id, session_key=session_key)


def _by_ticket(ticket: str) -> Seat:
    try:
        body = signing.loads(ticket, salt=_SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature:
        raise Refused(UNAUTHENTICATED) from None
    if not _first_use(body["once"]):
        raise Refused(UNAUTHENTICATED)
    user = _active_user(body["user"])
    token_id = uuid.UUID(body["token"]) if body["token"] else None
    seat = Seat(
        user.pk, user.get_session_auth_hash(), uuid.UUID(body["workspace"]), token_id=token_id
    )
    check(seat)
    return seat


def _first_use(once: str) -> bool:
    """Without Redis nobody can tell; the signature and its 60 s still hold."""
    try:
        return bool(cache.add(f"live-ticket:{once}", 1, timeout=TICKET_SECONDS))
    except (redis.RedisError, OSError):
        return True


def _session(session_key: str) -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore(session_key)


def _session_user(session_key: str) -> User:
    """Read anew each time: Django's own check of expiry, user and password."""
    user = auth.get_user(SimpleNamespace(session=_session(session_key))) if session_key else None  # type: ignore[arg-type]
    if not isinstance(user, User) or not user.is_active:
        raise Refused(UNAUTHENTICATED)
    return user


def _active_user(user_id: int) -> User:
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        raise Refused(UNAUTHENTICATED)
    return user


def _usable_token(token_id: uuid.UUID) -> None:
    token = ApiToken.objects.filter(pk=token_id).first()
    if token is None or not token.is_usable(timezone.now()):
        raise Refused(UNAUTHENTICATED)
