"""Webhooks: a trigger has an address of its own, and whoever proves to be its sender starts it.

Naming another trigger's id as `endpoint` shares that one's address and configuration: then all of them run.
"""

from __future__ import annotations

import copy
import uuid
from typing import Any, Self

from django.db.models.signals import post_save
from django.dispatch import receiver

from config.lib.registry import UnknownName
from crm.models import Workspace
from triggers import event_types, own_types, webhook_secrets, webhook_types
from triggers.models import OwnWebhookType, Trigger, WebhookEndpoint
from triggers.sources import Config, Problems, Source, Variants, register, schema_problems, why_off
from triggers.sources.webhook.addresses import TRIGGER_TYPE, endpoint_of, masked_url, url
from triggers.sources.webhook.checks import problems_of_rules, problems_of_sharing
from triggers.sources.webhook.requests import (
    SCHEMA,
    own_schemas,
    sample,
    sample_request,
    type_name,
)

__all__ = [
    "METHODS",
    "SCHEMA",
    "endpoint_of",
    "masked_url",
    "own_schemas",
    "sample_request",
    "type_name",
    "url",
]

METHODS = ("POST", "GET", "PUT", "DELETE")
_OWN = "own"  # stands for all types that workspaces uploaded, where senders are turned off

_SENDERS: list[str] = []


def _offer(kind: webhook_types.WebhookType) -> None:
    """Each sender is a choice of the configuration, and an event type of its own."""
    _SENDERS[:] = webhook_types.registry.names()
    event_types.register(
        type_name(kind.name),
        label=f"Webhook: {kind.label}",
        schema=SCHEMA,
        sample=sample(kind),
        source="webhook",
        group="Webhooks",
    )


webhook_types.registry.follow(_offer)


class WebhookSource(Source):
    trigger_type = TRIGGER_TYPE
    from_outside = True
    label = "Webhook"
    description = "Runs when another system calls the trigger's address."
    config_schema = {
        "type": "object",
        "properties": {
            "webhook_type": {
                "type": "string",
                "title": "Sender",
                "enum": _SENDERS,
                "default": "generic",
            },
            "webhook_config": {
                "type": "object",
                "title": "Secrets and settings of the sender",
            },
            "allowed_methods": {
                "type": "array",
                "title": "Methods",
                "items": {"type": "string", "enum": list(METHODS)},
                "maxItems": len(METHODS),
                "default": ["POST"],
            },
            "validation_rules": {
                "type": "object",
                "title": "Rules",
                "properties": {
                    "required_headers": {
                        "title": "Required headers",
                        "type": "array",
                        "items": {"type": "string", "maxLength": 100},
                        "maxItems": 20,
                    },
                    "content_types": {
                        "title": "Content types",
                        "description": "Empty: those that the sender uses.",
                        "type": "array",
                        "items": {"type": "string", "maxLength": 100},
                        "maxItems": 20,
                    },
                    "allowed_ips": {
                        "title": "Allowed addresses",
                        "description": "Addresses or networks, such as 192.0.2.0/24. Empty: all.",
                        "type": "array",
                        "items": {"type": "string", "maxLength": 50},
                        "maxItems": 100,
                    },
                    "json_schema": {
                        "title": "Shape of the body",
                        "description": "A JSON Schema; a body that does not fit is refused.",
                        "type": "object",
                        "x-widget": "json",
                    },
                },
                "additionalProperties": False,
            },
            "endpoint": {
                "type": "string",
                "title": "Shares the address of",
                "description": "To run at another webhook trigger's address too. Its sender, secret and rules count.",
                "x-widget": "pick_webhook",
                "format": "uuid",
                "maxLength": 36,
            },
        },
        "additionalProperties": False,
    }

    workspace: Workspace | None = None

    def within(self, workspace: Workspace) -> Self:
        """With the types that the workspace uploaded."""
        bound = copy.copy(self)
        bound.workspace = workspace
        own = OwnWebhookType.objects.filter(workspace=workspace).values_list("name", flat=True)
        known = self.config_schema["properties"]
        names = {**known["webhook_type"], "enum": [*webhook_types.registry, *own]}
        bound.config_schema = {
            **self.config_schema,
            "properties": {**known, "webhook_type": names},
        }
        return bound

    def variants(self) -> Variants | None:
        """What each sender is set up with."""
        kinds = [webhook_types.registry.get(name) for name in webhook_types.registry]
        if self.workspace is not None:
            rows = OwnWebhookType.objects.filter(workspace=self.workspace).order_by("name")
            kinds += [own_types.find(row.name, row=row) for row in rows]
        return Variants(
            "webhook_type",
            "webhook_config",
            {
                kind.name: {
                    "label": kind.label,
                    "setup": kind.setup,
                    "properties": dict(kind.config_fields),
                    "required": list(kind.required_fields),
                }
                for kind in kinds
            },
        )

    def switches(self, config: Config) -> tuple[str, ...]:
        name = config.get("webhook_type")
        if not name or config.get(
            "endpoint"
        ):  # the sender is that of the trigger that it shares with
            return super().switches(config)
        sender = name if name in webhook_types.registry else _OWN
        return (*super().switches(config), f"{self.trigger_type}:{sender}")

    def all_switches(self) -> tuple[str, ...]:
        senders = (*webhook_types.registry, _OWN)
        return (self.trigger_type, *(f"{self.trigger_type}:{name}" for name in senders))

    def offered_schema(self, config: Config) -> dict[str, Any]:
        known = self.config_schema["properties"]
        kept = [
            name
            for name in known["webhook_type"]["enum"]
            if name == config.get("webhook_type")
            or not why_off(self.trigger_type, {"webhook_type": name})
        ]
        names = {**known["webhook_type"], "enum": kept}
        return {**self.config_schema, "properties": {**known, "webhook_type": names}}

    def own_type(self, config: Config) -> OwnWebhookType | None:
        """None where the type is built in, or where the address and its rules are another trigger's."""
        name = str(config.get("webhook_type", ""))
        if config.get("endpoint") or name in webhook_types.registry or self.workspace is None:
            return None
        return OwnWebhookType.objects.filter(workspace=self.workspace, name=name).first()

    def _kind(self, config: Config) -> webhook_types.WebhookType:
        """Raises UnknownName."""
        return own_types.find(str(config.get("webhook_type", "")), row=self.own_type(config))

    def prepare(self, config: Config, *, sealed: str) -> Config:
        """Defaults, names in the case that we write them, and secrets in place of their masks."""
        plain = {"webhook_type": "generic", **config}
        for name, change in (("webhook_type", str.lower), ("endpoint", str.strip)):
            if isinstance(plain.get(name), str):
                plain[name] = change(plain[name])
        methods = plain.get("allowed_methods")
        if isinstance(methods, list):
            plain["allowed_methods"] = [
                one.upper() if isinstance(one, str) else one for one in methods
            ]
        return webhook_secrets.opened(
            {key: value for key, value in plain.items() if value != ""}, sealed=sealed
        )

    def seal(self, config: Config) -> tuple[Config, str]:
        return webhook_secrets.seal(config, self._kind({**config, "endpoint": ""}))

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        if config.get("endpoint"):
            return problems_of_sharing(config["endpoint"], workspace)
        kind = self._kind(config)
        given = config.get("webhook_config", {})
        schema = {"type": "object", "properties": kind.config_fields, "additionalProperties": False}
        problems = {
            f"webhook_config.{path}": said for path, said in schema_problems(schema, given).items()
        }
        for name, said in kind.problems(given).items():
            problems.setdefault(f"webhook_config.{name}", said)
        for name in kind.secret_fields:
            if webhook_secrets.is_mask(given.get(name)):
                problems[f"webhook_config.{name}"] = ["Give the secret itself again."]
        return problems | problems_of_rules(config.get("validation_rules", {}))

    def warnings(self, config: Config) -> list[str]:
        if is_unsigned(config):
            return [
                "Requests are not signed: everybody who knows the address can start this trigger."
            ]
        return []

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return topic(config.get("endpoint") or trigger_id)

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        named = (event_type or "").removeprefix("webhook.") or config.get("webhook_type", "?")
        return f"webhook: {named}"

    def payload_schema(self, config: Config) -> dict[str, Any]:
        row = self.own_type(config)
        return own_types.payload_schema(row, SCHEMA) if row else SCHEMA

    def sample_type(self, config: Config) -> str:
        return type_name(str(config.get("webhook_type", "generic")))

    def sample(self, config: Config) -> dict[str, Any]:
        try:
            return sample(self._kind(config))
        except UnknownName:
            return {"request": {}, "parsed": {}, "schema_valid": None, "service": ""}


def is_unsigned(config: Config) -> bool:
    """Whether everybody who knows the trigger's own address can start it."""
    given = config.get("webhook_config")
    return isinstance(given, dict) and given.get("unsigned") is True


def topic(trigger_id: uuid.UUID | str) -> str:
    return f"webhook:{trigger_id}"


@receiver(post_save, sender=Trigger, dispatch_uid="triggers.webhook_saved")
def saved(instance: Trigger, *, raw: bool, **_: Any) -> None:
    """A webhook trigger has an address from its first save on, unless it shares one."""
    is_mine = instance.trigger_type == WebhookSource.trigger_type and not instance.config.get(
        "endpoint"
    )
    if raw or not is_mine or WebhookEndpoint.objects.filter(trigger=instance).exists():
        return
    WebhookEndpoint.made_for(instance).save()


register(WebhookSource())
