"""People of a workspace: invited by e-mail, given a role, removed. A workspace always keeps an owner."""

from __future__ import annotations

import logging
import uuid

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from config.lib import clock
from crm.models import ApiToken, Membership, Role, Workspace

log = logging.getLogger(__name__)
ADMIN_ROLES = (Role.OWNER, Role.ADMIN, Role.EDITOR)  # who may use the admin, and so is staff


@transaction.atomic
def invite(
    workspace: Workspace, *, email: str, role: str, first_name: str = "", last_name: str = ""
) -> Membership:
    """Makes somebody a member and writes to them after the commit.

    A person who has no account yet gets one without a password, and a link to choose it. Raises ValidationError
    where the person is a member already.
    """
    user = User.objects.filter(email__iexact=email, is_active=True).order_by("pk").first()
    if user is None:
        user = User.objects.create_user(
            _free_username(email), email=email, first_name=first_name, last_name=last_name
        )
    if Membership.objects.filter(workspace=workspace, user=user).exists():
        raise ValidationError(
            {"email": ValidationError("This person is a member already.", code="unique")}
        )
    membership = Membership.objects.create(workspace=workspace, user=user, role=role)
    _keep_staff_right(user)
    transaction.on_commit(lambda: write_to(membership), robust=True)
    return membership


def _free_username(email: str) -> str:
    name = email.lower()[:140]
    taken = set(User.objects.filter(username__startswith=name).values_list("username", flat=True))
    numbered = (name if number == 1 else f"{name}{number}" for number in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)


def write_to(membership: Membership) -> None:
    """The e-mail that tells somebody of their membership. Where it cannot be sent, the membership stands."""
    user = membership.user
    words = {
        "membership": membership,
        "url": settings.SITE_URL
        + (reverse("login") if user.has_usable_password() else password_path(user)),
        "is_new": not user.has_usable_password(),
        "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    body = render_to_string("accounts/invitation.txt", words)
    try:
        send_mail(f"Welcome to {membership.workspace.name}", body, None, [user.email])
    except Exception:
        log.exception("invitation not sent", extra={"membership": str(membership.pk)})


def password_path(user: User) -> str:
    """Where this user may choose a password, once, within PASSWORD_RESET_TIMEOUT."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("set_password", args=[uid, default_token_generator.make_token(user)])


@transaction.atomic
def change_role(membership: Membership, *, role: str) -> None:
    """Raises ValidationError where the workspace would be left without an owner."""
    _lock_owners(membership.workspace_id)
    membership.refresh_from_db()
    if membership.role == Role.OWNER and role != Role.OWNER:
        _refuse_last_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _keep_staff_right(membership.user)


@transaction.atomic
def remove(membership: Membership) -> None:
    """Ends a membership and revokes the person's tokens of the workspace. Raises ValidationError for the last owner."""
    _lock_owners(membership.workspace_id)
    membership.refresh_from_db()
    if membership.role == Role.OWNER:
        _refuse_last_owner(membership)
    tokens = ApiToken.objects.filter(
        workspace_id=membership.workspace_id, user_id=membership.user_id, revoked_at=None
    )
    tokens.update(revoked_at=clock.now())
    user = membership.user
    membership.delete()
    _keep_staff_right(user)


def _lock_owners(workspace_id: uuid.UUID) -> None:
    """Two owners who remove each other at once would leave none: the workspace's row makes them take turns."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)


def _refuse_last_owner(membership: Membership) -> None:
    others = Membership.objects.filter(
        workspace_id=membership.workspace_id, role=Role.OWNER
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise ValidationError({"role": "A workspace keeps at least one owner."})


def _keep_staff_right(user: User) -> None:
    """Staff are those who may use the admin of any workspace, and superusers."""
    wanted = (
        user.is_superuser or Membership.objects.filter(user=user, role__in=ADMIN_ROLES).exists()
    )
    User.objects.filter(pk=user.pk).exclude(is_staff=wanted).update(is_staff=wanted)
