"""The address that a webhook trigger listens at, and the requests that were turned away there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Self

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from config.lib import secrets
from config.lib.ids import uuid7
from config.lib.secrets import EncryptedTextField
from crm.models import Workspace
from triggers.models.trigger import Trigger

_ASKED_AT_EACH = (
    *("token_hash", "former", "workspace_id"),
    *("trigger__config", "trigger__sealed", "workspace__queue_limit"),
    *(
        f"trigger__own_type__{name}"
        for name in (
            *("workspace_id", "name", "parser", "json_schema", "required_config_fields"),
            *("optional_config_fields", "default_methods", "validation_required"),
            *("response_format", "custom_parser_code", "validation_code", "parsed_sample"),
        )
    ),
)
OVERLAP = dt.timedelta(hours=24)  # that an address goes on working after it was replaced


class EndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def at_each(self, digests: Collection[str], *, now: dt.datetime) -> dict[str, WebhookEndpoint]:
        """Who has these addresses, by their hash, or had them less than a day ago. One query, with what answers need.

        Uses the index of token_hash and endpoint_former.
        """
        mine = Q(token_hash__in=digests) | Q(former__has_any_keys=list(digests))
        rows = (
            self.select_related("trigger__own_type", "workspace").only(*_ASKED_AT_EACH).filter(mine)
        )
        found: dict[str, WebhookEndpoint] = {}
        for row in rows:
            found[row.token_hash] = row
            found.update(dict.fromkeys(row.still_accepted(now), row))
        return found


class WebhookEndpoint(models.Model):
    """One per webhook trigger; other triggers may listen at it too. The token is 256 random bits.

    `former`: the hashes of addresses that it had, each with the Unix time until which it is accepted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    trigger = models.OneToOneField(
        Trigger, models.CASCADE, related_name="endpoint", db_constraint=False
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    sealed = EncryptedTextField(editable=False)  # the token itself
    former = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        indexes = [GinIndex(fields=["former"], fastupdate=False, name="endpoint_former")]  # at_each

    def __str__(self) -> str:
        return f"…{self.sealed[-4:]}"

    @classmethod
    def made_for(cls, trigger: Trigger) -> Self:
        """Unsaved."""
        endpoint = cls(workspace_id=trigger.workspace_id, trigger=trigger)
        endpoint._take(secrets.new_token("wh"))
        return endpoint

    def replace_token(self, *, now: dt.datetime) -> None:
        """A new address; each that it had is accepted for a day after it was replaced."""
        self.former = self.still_accepted(now) | {self.token_hash: (now + OVERLAP).timestamp()}
        self._take(secrets.new_token("wh"))
        self.save(update_fields=["former", "token_hash", "sealed"])

    def still_accepted(self, now: dt.datetime) -> dict[str, float]:
        """Those of `former` whose time has not come."""
        return {one: until for one, until in self.former.items() if until > now.timestamp()}

    def _take(self, token: str) -> None:
        self.sealed, self.token_hash = token, secrets.digest(token)


class WebhookRejection(models.Model):
    """A request that was not accepted: why, from whom, and how it looked, without secrets and without its body.

    `delivery_id` is what its headers claim.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    trigger = models.ForeignKey(
        Trigger, models.CASCADE, related_name="rejections", db_constraint=False
    )
    at = models.DateTimeField(db_default=models.functions.Now())
    status = models.PositiveSmallIntegerField()
    reason = models.CharField(max_length=50)
    detail = models.CharField(max_length=500, blank=True, default="")
    service = models.CharField(max_length=50, blank=True, default="", db_default="")  # webhook type
    delivery_id = models.CharField(max_length=200, blank=True, default="", db_default="")
    method = models.CharField(max_length=10)
    peer = models.CharField(max_length=50, blank=True, default="")
    headers = models.JSONField(default=dict)
    size = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]
        verbose_name = "refused delivery"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(fields=["workspace", "-id"], name="rejection_newest"),  # the list
            models.Index(
                fields=["workspace", "delivery_id", "-id"],
                condition=~Q(delivery_id=""),
                name="rejection_delivery",
            ),  # a delivery by its id
            models.Index(
                fields=["trigger", "-id"], name="rejection_of_trigger"
            ),  # the bound per trigger
            models.Index(fields=["at"], name="rejection_at"),  # prune
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"
