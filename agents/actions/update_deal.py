"""Change fields of a deal."""

from __future__ import annotations

from typing import Any

from agents import actions, params, records, templating
from agents.actions import ActionFailed, Effect, Scene
from config.lib import json
from config.lib.registry import closest
from crm.models import Workspace


def _text(title: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "title": title, "maxLength": 2000, **more}


_GUARDED = {"x-guarded": True}  # whose record it is, and where mail to it goes

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "deal_id": _text(
            "Deal",
            description="The id of a deal; empty for the deal of the event.",
            format="uuid",
            **_GUARDED,
        ),
        "name": _text("Name"),
        "stage": _text(
            "Stage", description="One of the workspace's stages.", **{"x-widget": "stage"}
        ),
        "value": {"type": "number", "title": "Value", "minimum": -1e12, "maximum": 1e12},
        "currency": _text("Currency", description="Three letters, such as USD."),
        "close_date": _text(
            "Close date", description="For example 2026-11-03; empty for none.", format="date"
        ),
        "owner": _text(
            "Owner",
            description="E-mail address, user name or id of a member; empty for nobody.",
            **{"x-widget": "member", "x-guarded": True},
        ),
        "custom": {
            "type": "object",
            "title": "Custom fields",
            "description": "Added to those that the deal has; null takes one away.",
            "maxProperties": records.MAX_CUSTOM_FIELDS,
            "x-widget": "pairs",
        },
    },
    "additionalProperties": False,
}


def check(values: dict[str, Any], workspace: Workspace) -> dict[str, str]:
    if not values.keys() - {"deal_id"}:
        return {"": "Give at least one field to change."}
    stage = values.get("stage")
    if not isinstance(stage, str) or templating.variables_in(stage):
        return {}
    try:
        _stage(stage, workspace)
    except ActionFailed as error:
        return {"stage": str(error)}
    return {}


@actions.register(
    name="update_deal",
    label="Update deal",
    description="Changes fields of the deal of the event, such as its stage, or of another one.",
    schema=SCHEMA,
    effect=Effect.DATABASE,
    check=check,
    icon="handshake",
    output_sample={"deal_id": "0190…", "changes": {"stage": ["Lead", "Qualified"]}},
)
def perform(scene: Scene, values: dict[str, Any]) -> dict[str, Any]:
    deal = records.deal_of(scene, values)
    changes = records.change(deal, _fields(scene, deal, values))
    return {"deal_id": str(deal.pk), "changes": json.sanitise(changes)}


def _fields(scene: Scene, deal: Any, values: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "name" in values:
        fields["name"] = params.required_text(values, "name", max_length=200)
    if "stage" in values:
        fields["stage"] = _stage(params.text(values, "stage"), deal.workspace)
    if "value" in values:
        fields["value"] = params.text(values, "value")
    if "currency" in values:
        fields["currency"] = _currency(params.text(values, "currency"))
    if "close_date" in values:
        fields["close_date"] = params.text(values, "close_date")[:10] or None
    if "owner" in values:
        owner = records.owner_of(scene, values)
        fields["owner"] = owner.pk if owner else None
    if "custom" in values:
        fields["custom"] = records.merged_custom(deal, params.mapping(values, "custom"))
    return fields


def _currency(text: str) -> str:
    if len(text) == 3 and text.isascii() and text.isalpha():
        return text.upper()
    raise ActionFailed(f"currency is three letters such as USD, not {text[:20]!r}.")


def _stage(text: str, workspace: Workspace) -> str:
    """The workspace's own spelling of a stage."""
    spelt: dict[str, str] = {stage.casefold(): stage for stage in workspace.stages}
    found = spelt.get(text.strip().casefold())
    if found is None:
        meant = closest(text, workspace.stages)
        hint = (
            f" Did you mean {meant!r}?" if meant else f" There are: {', '.join(workspace.stages)}."
        )
        raise ActionFailed(f"{text[:100]!r} is no stage of this workspace.{hint}")
    return found
