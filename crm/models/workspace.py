"""A workspace, who belongs to it, and the tokens that programs use."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction

from config.lib.ids import uuid7
from crm import budgets, retention
from crm.models.tracking import TrackedModel, TrackedQuerySet
from crm.signals import about_to_lock

DEFAULT_STAGES = ["Lead", "Qualified", "Proposal", "Negotiation", "Closed Won", "Closed Lost"]


def default_stages() -> list[str]:
    return list(DEFAULT_STAGES)


def known_timezone(name: str) -> None:
    """Refuses what is not in the IANA database."""
    if name not in available_timezones():
        raise ValidationError(f"Unknown timezone: {name}", code="invalid_timezone")


def stage_names(stages: Any) -> None:
    """Refuses anything but a list of 1 to 50 distinct, non-empty names."""
    if not isinstance(stages, list) or not 1 <= len(stages) <= 50:
        raise ValidationError("Give a list of 1 to 50 stage names.")
    if not all(isinstance(stage, str) and 0 < len(stage.strip()) <= 100 for stage in stages):
        raise ValidationError("Each stage is a name of 1 to 100 characters.")
    if len({stage.strip().casefold() for stage in stages}) != len(stages):
        raise ValidationError("Two stages have the same name.")


def model_name(name: str) -> None:
    """Refuses what cannot be a language model; whether it can be asked is said where it is used."""
    provider, found, model = name.partition(":")
    if not (found and provider.strip() and model.strip()):
        raise ValidationError("Write provider:model, such as openai:gpt-5.6.")


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def visible(self) -> WorkspaceQuerySet:
        """Those of people, not those that the system made for itself."""
        return self.filter(is_system=False)

    def delete(self) -> tuple[int, dict[str, int]]:
        """One by one, as `Workspace.delete` says."""
        deleted: Counter[str] = Counter()
        with transaction.atomic():
            for workspace in self:
                deleted.update(workspace.delete()[1])
        return deleted.total(), dict(deleted)

    delete.queryset_only = True  # type: ignore[attr-defined]  # else the manager would have it too


class Workspace(models.Model):
    """One business. Every other row belongs to exactly one workspace, and no workspace sees another's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=50, unique=True)
    timezone = models.CharField(max_length=64, default="UTC", validators=[known_timezone])
    stages = models.JSONField(default=default_stages, validators=[stage_names])
    paused = models.BooleanField(
        default=False, help_text="Nothing starts while this is on; events are recorded."
    )
    retention = models.JSONField(
        default=dict, blank=True, validators=[retention.known_periods]
    )  # {period: days}, only what the workspace has set itself; crm.retention says the rest
    queue_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Forms, webhooks and emitted events are told to come back later while so much waits here; "
        "empty for the server's limit. What happens in the CRM is always recorded.",
    )
    default_model = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        validators=[model_name],
        help_text="The language model that judges conditions in words, takes values out of events and writes drafts "
        "where nothing else says which: provider:model.",
    )
    budgets = models.JSONField(
        default=dict, db_default={}, blank=True, validators=[budgets.known_budgets]
    )  # {budget: number}, only those that are set (crm.budgets); what is not set is unlimited
    is_system = models.BooleanField(
        default=False, db_default=False, editable=False
    )  # made by the system for itself (executions.canary): nobody's member, in nobody's lists
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Deals and contacts go first and quietly: events about them would have no workspace left to belong to."""
        deleted: Counter[str] = Counter()
        with transaction.atomic(using=using):
            mine = type(self).objects.filter(pk=self.pk)
            about_to_lock.send(type(self), rows=mine, deleting=True)
            for rows in (self.opportunities, self.contacts):
                deleted.update(rows.all().quietly().delete()[1])
            deleted.update(super().delete(using=using, keep_parents=keep_parents)[1])
        return deleted.total(), dict(deleted)

    @property
    def days_kept(self) -> dict[str, int]:
        """How long history is kept here, in days, by `crm.retention.NAMES`."""
        return retention.days(self.retention)

    @property
    def every_budget(self) -> dict[str, int | float | None]:
        """What models may take here in a day, by `crm.budgets.NAMES`; None is unlimited."""
        return budgets.all_of(self.budgets)

    def midnight(self, now: dt.datetime) -> dt.datetime:
        """The beginning of today in the workspace's own timezone, as an instant."""
        local = now.astimezone(ZoneInfo(self.timezone))
        return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(dt.UTC)

    def next_midnight(self, now: dt.datetime) -> dt.datetime:
        """The end of today there; days of 23 and of 25 hours too."""
        local = now.astimezone(ZoneInfo(self.timezone)) + dt.timedelta(days=1)
        return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(dt.UTC)


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    EDITOR = "editor", "Editor"
    VIEWER = "viewer", "Viewer"


class MembershipQuerySet(TrackedQuerySet["Membership"]):
    pass


class Membership(TrackedModel):
    """A person in a workspace; a change of the role is an event."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.EDITOR)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta(TrackedModel.Meta):
        verbose_name = "member"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


SCOPES = ("read", "write", "run", "replay", "secrets", "admin")


def known_scopes(scopes: Any) -> None:
    if not isinstance(scopes, list) or not scopes or any(scope not in SCOPES for scope in scopes):
        raise ValidationError(f"Give a list of scopes out of: {', '.join(SCOPES)}.")


class ApiToken(models.Model):
    """A program's key to one workspace, acting as one user. Only its SHA-256 is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="tokens")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, default="token")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    scopes = models.JSONField(default=list, validators=[known_scopes])
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.last4})"

    def is_usable(self, now: dt.datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


def display_name(user: AbstractBaseUser) -> str:
    """What to call a person on a page: the full name, else the user name."""
    full_name = getattr(user, "get_full_name", str)()
    return full_name or user.get_username()
