"""Drafts of automations: what is asked and what is answered, for the API's description and the first look at a body."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.serializers import AgentSerializer
from executions import drafting
from executions.serializers.triggers import StoredTrigger


class DraftBody(serializers.Serializer[dict[str, Any]]):
    description = serializers.CharField(
        max_length=drafting.MAX_DESCRIPTION,
        help_text="What shall happen when, in plain words.",
    )
    model = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="provider:model; by default the workspace's. offline:rules needs no language model.",
    )


class Rehearsed(serializers.Serializer[dict[str, Any]]):
    event_id = serializers.UUIDField()
    type = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    subject = serializers.CharField(allow_blank=True)
    about = serializers.CharField(
        allow_blank=True, help_text="The name of the deal, form or contact in it."
    )
    would_run = serializers.BooleanField(
        allow_null=True, help_text="Null: only the model can tell, and it was not asked."
    )
    reason = serializers.CharField(
        allow_blank=True, help_text="condition_false, condition_error, needs_model, payload_deleted"
    )
    trace = serializers.ListField(child=serializers.DictField())


class NextFire(serializers.Serializer[dict[str, Any]]):
    local = serializers.CharField()
    utc = serializers.DateTimeField()


class Rehearsal(serializers.Serializer[dict[str, Any]]):
    """Nothing ran: the newest events that the trigger would hear, judged by its conditions."""

    events = serializers.IntegerField()
    would_run = serializers.IntegerField()
    undecided = serializers.IntegerField()
    results = Rehearsed(many=True)
    next = NextFire(many=True, help_text="Of a schedule: when it would fire.")


class DraftUsage(serializers.Serializer[dict[str, Any]]):
    model = serializers.CharField()
    calls = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()


class DraftFields(serializers.Serializer[dict[str, Any]]):
    """Bodies of POST /agents and POST /triggers, the latter without `agent_id`."""

    agent = serializers.DictField()
    trigger = serializers.DictField()


class Draft(serializers.Serializer[dict[str, Any]]):
    draft = DraftFields()
    problems = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What keeps it from being saved, by path: agent.steps[0].params.to",
    )
    warnings = serializers.ListField(child=serializers.CharField())
    questions = serializers.ListField(
        child=serializers.CharField(),
        help_text="What the description does not say. Texts with [fill in: ...] have to be filled in before saving.",
    )
    explanation = serializers.CharField(allow_blank=True)
    dry_run = Rehearsal()
    usage = DraftUsage()


class SaveDraftBody(serializers.Serializer[dict[str, Any]]):
    draft = DraftFields()
    activate = serializers.BooleanField(
        required=False, default=False, help_text="Switch both on; else the agent is a draft."
    )


class SavedDraft(serializers.Serializer[dict[str, Any]]):
    agent = AgentSerializer()
    trigger = StoredTrigger()
    warnings = serializers.ListField(child=serializers.CharField())
