"""Alerts and audit entries as they are answered."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from executions.models import Alert, AuditEntry


class AlertSerializer(serializers.ModelSerializer[Alert]):
    agent_id = serializers.UUIDField(read_only=True, allow_null=True)
    trigger_id = serializers.UUIDField(read_only=True, allow_null=True)
    seen_by = serializers.IntegerField(source="seen_by_id", read_only=True, allow_null=True)
    resolved_by = serializers.IntegerField(source="resolved_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Alert
        fields = (
            *("id", "kind", "message", "agent_id", "trigger_id", "execution_id"),
            *("times", "last_at"),
            *("created_at", "seen_at", "seen_by", "resolved_at", "resolved_by", "mailed_at"),
        )
        read_only_fields = fields


class Seen(serializers.Serializer[dict[str, Any]]):
    seen = serializers.IntegerField(help_text="How many alerts nobody had seen until now.")


class Resolved(serializers.Serializer[dict[str, Any]]):
    resolved = serializers.IntegerField(help_text="How many alerts were open until now.")


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    user_id = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = AuditEntry
        fields = (
            *("id", "at", "user_id", "actor", "verb", "target_type", "target_id", "target_name"),
            *("before", "after", "remote_addr", "request_id"),
        )
        read_only_fields = fields
