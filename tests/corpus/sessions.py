"""Sessions of people who are logged in."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client


def begin(user: User, *, revoked: bool = False) -> str:
    """The key of a new one; `revoked`: that is no more."""
    client = Client()
    client.force_login(user)
    key = str(client.cookies["sessionid"].value)
    if revoked:
        revoke(key)
    return key


def revoke(key: str) -> None:
    import_module(settings.SESSION_ENGINE).SessionStore(key).delete()
