"""API tokens: issuing and revoking them. The secret exists once, in the answer to whoever asked for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.contrib.auth.models import User

from config.lib import clock, secrets
from crm.models import ApiToken, Workspace


def issue(
    workspace: Workspace,
    *,
    user: User,
    name: str,
    scopes: Sequence[str],
    expires_at: dt.datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret. What the token may do is always cut to what the user may do."""
    secret = secrets.new_token()
    token = ApiToken.objects.create(
        workspace=workspace,
        user=user,
        name=name,
        scopes=list(scopes),
        expires_at=expires_at,
        digest=secrets.digest(secret),
        last4=secret[-4:],
    )
    return token, secret


def revoke(token: ApiToken) -> bool:
    """From now on the token opens nothing. Whether it was usable until now."""
    return ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now()) == 1
