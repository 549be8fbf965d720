"""Alerts by e-mail, to the owners and admins of their workspace: several in one letter, about one cause once an hour.
What the system says of itself goes to superusers, at once.

Which letters are due is decided by rows. An alert stays due until its letter was handed over, so nothing is lost while
the mail server is away; after a crash between handing over and writing that down, the same letter comes twice.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Collection, Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.template.loader import render_to_string

from config.lib import clock
from crm.models import Membership, Role, Workspace
from executions.models import Alert

log = logging.getLogger(__name__)

TRY_AGAIN = dt.timedelta(minutes=1)
MOST = 500  # alerts of one letter
SHOWN = 30  # of them by name
HEADER = "X-Triggerfish-Workspace"  # whose letter it is, where letters are files


def mail_due(*, now: dt.datetime | None = None, of: Collection[uuid.UUID] | None = None) -> int:
    """Writes every letter that is due, `of` these workspaces or of all; answers how many. Stops at the first one that
    the mail server does not take.
    """
    now = now or clock.now()
    written = 0
    unmailed = Alert.objects.filter(mailed_at=None, resolved_at=None).order_by()
    if of is not None:
        unmailed = unmailed.filter(workspace_id__in=of)
    for workspace in Workspace.objects.filter(pk__in=unmailed.values("workspace_id")):
        alerts = _take(workspace, now)
        if not alerts:
            continue
        try:
            written += _write(workspace, alerts)
        except OSError as error:  # as all of smtplib's own are
            log.warning("alerts not mailed, trying again soon", extra={"error": repr(error)})
            break
        except Exception:
            log.exception("a letter of alerts cannot be written, trying again")
            continue
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(mailed_at=now)
    return written


@transaction.atomic
def _take(workspace: Workspace, now: dt.datetime) -> list[Alert]:
    """The alerts of one letter, ours for a minute; empty where none is due yet. Uses alert_unmailed, alert_mailed."""
    mine = Alert.objects.filter(workspace=workspace)
    lately = now - dt.timedelta(seconds=settings.ALERT_MAIL_EVERY_SECONDS)
    told = mine.filter(mailed_at__gt=lately).order_by().values_list("cause", flat=True)
    due = mine.filter(mailed_at=None, resolved_at=None).exclude(cause__in=set(told))
    rows = list(due.order_by("created_at").select_for_update(skip_locked=True)[:MOST])
    gathers = 0 if workspace.is_system else settings.ALERT_MAIL_GATHER_SECONDS
    gathering = now - dt.timedelta(seconds=gathers)
    if not rows or rows[0].created_at > gathering:
        return []
    if any(row.mail_tried_at and row.mail_tried_at > now - TRY_AGAIN for row in rows):
        return []
    Alert.objects.filter(pk__in=[row.pk for row in rows]).update(mail_tried_at=now)
    return rows


def _write(workspace: Workspace, alerts: Sequence[Alert]) -> int:
    """One letter to all of them; 0 where the workspace has nobody to write to."""
    to = _recipients(workspace)
    if not to:
        return 0
    about = alerts[0].get_kind_display() if len(alerts) == 1 else f"{len(alerts)} alerts"
    words = {
        "workspace": workspace,
        "alerts": alerts[:SHOWN],
        "more": max(0, len(alerts) - SHOWN),
        "site": settings.SITE_URL,
    }
    EmailMessage(
        subject=" ".join(f"{workspace.name}: {about}".split()),
        body=render_to_string("mail/alerts.txt", words),
        to=to,
        headers={HEADER: str(workspace.pk), "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    ).send()
    return 1


def _recipients(workspace: Workspace) -> list[str]:
    if workspace.is_system:
        operators = User.objects.filter(is_superuser=True, is_active=True).exclude(email="")
        return sorted(set(operators.values_list("email", flat=True)))
    members = Membership.objects.filter(
        workspace=workspace, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True
    ).exclude(user__email="")
    return sorted(set(members.values_list("user__email", flat=True)))
