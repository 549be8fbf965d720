"""Replays and decisions, as they are asked for and answered."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from executions.replay import MOST
from executions.resolving import Resolution


class Approval(serializers.Serializer[dict[str, Any]]):
    step = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="The number of the proposed step; left out where a model is not sure about the conditions.",
    )
    params = serializers.DictField(
        required=False, help_text="Those that shall be other than proposed, by name."
    )


class Rejection(serializers.Serializer[dict[str, Any]]):
    step = serializers.IntegerField(
        required=False,
        min_value=1,
        help_text="The number of the proposed step; left out where a model is not sure about the conditions.",
    )
    comment = serializers.CharField(required=False, allow_blank=True, max_length=1000)


class ReplayAsked(serializers.Serializer[dict[str, Any]]):
    """`filter` has the names of the list's query; they may also stand beside it, or in the query itself."""

    is_open = True

    filter = serializers.DictField(
        required=False, help_text='As in the list: {"status": "failed", "since": "..."}; or `ids`.'
    )
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Only say what it would do."
    )
    limit = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=MOST,
        help_text="Take the oldest ones, where the filter finds more than 1,000.",
    )
    include_replayed = serializers.BooleanField(
        required=False, default=False, help_text="Also what has been replayed since."
    )


class ReplayTold(serializers.Serializer[dict[str, Any]]):
    dry_run = serializers.BooleanField()
    matched = serializers.IntegerField(help_text="What the filter finds.")
    count = serializers.IntegerField(help_text="What is replayed of it.")
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="Why not all.")
    repeats = serializers.DictField(
        child=serializers.IntegerField(), help_text="Steps outside that are done again, by action."
    )
    remaining = serializers.IntegerField(help_text="What a limit leaves for the next time.")
    queued = serializers.IntegerField(required=False)
    skipped = serializers.DictField(
        child=serializers.IntegerField(), required=False, help_text="By reason."
    )
    revived = serializers.IntegerField(required=False, help_text="Dead events that live again.")
    execution_ids = serializers.ListField(child=serializers.UUIDField(), required=False)


class Decided(serializers.Serializer[dict[str, Any]]):
    """`decision` is understood for `action`."""

    action = serializers.ChoiceField(choices=Resolution.choices)
    output = serializers.JSONField(
        required=False, help_text="Of mark_done: what later steps read as the step's output."
    )
