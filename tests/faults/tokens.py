"""Tokens for callers of the REST API."""

from __future__ import annotations

from io import StringIO

from django.contrib.auth.models import User
from django.core.management import call_command

from crm.models import Membership, Role
from tests.faults import rows


def token(*scopes: str) -> str:
    """Of an owner of the scripts' workspace."""
    user, _ = User.objects.get_or_create(username="caller")
    Membership.objects.get_or_create(
        workspace=rows.workspace(), user=user, defaults={"role": Role.OWNER}
    )
    said = StringIO()
    asked = {"workspace": rows.workspace().slug, "user": user.username, "scopes": ",".join(scopes)}
    call_command("create_token", stdout=said, **asked)
    return said.getvalue().strip()
