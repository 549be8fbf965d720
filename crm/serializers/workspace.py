"""The workspace, its people and their tokens."""

from __future__ import annotations

import datetime as dt
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm import access, budgets, retention
from crm.models import SCOPES, ApiToken, Membership, Role, Workspace
from crm.models.workspace import display_name, known_timezone, stage_names


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """A member, as people see them."""

    user_id = serializers.IntegerField(read_only=True)
    name = serializers.SerializerMethodField()
    email = serializers.CharField(  # empty where nobody gave one
        source="user.email", read_only=True
    )
    username = serializers.CharField(source="user.username", read_only=True)
    is_active = serializers.BooleanField(source="user.is_active", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ("id", "user_id", "name", "username", "email", "role", "is_active", "created_at")

    def get_name(self, membership: Membership) -> str:
        return display_name(membership.user)

    def validate_role(self, role: str) -> str:
        return _within_reach(role, of=self.context["request"])


def _within_reach(role: str, *, of: Any) -> str:
    """Only owners make owners."""
    if role == Role.OWNER and of._request.membership.role != Role.OWNER:
        raise serializers.ValidationError("Only an owner can make somebody an owner.")
    return role


class InvitationSerializer(serializers.Serializer[dict[str, Any]]):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.EDITOR)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)

    def validate_role(self, role: str) -> str:
        return _within_reach(role, of=self.context["request"])


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            name: {"type": "integer", "minimum": 1, "maximum": retention.MAX_DAYS}
            for name in retention.NAMES
        },
        "additionalProperties": False,
    }
)
class RetentionField(serializers.Field[Any, Any, Any, Any]):
    """`{period: days}`: every period is answered, also where the workspace has set none of its own."""

    def to_internal_value(self, given: Any) -> dict[str, int | None]:
        problems = retention.problems_of(
            {name: days for name, days in given.items() if days is not None}
            if isinstance(given, dict)
            else given
        )
        if (
            unknown := [name for name in given if name not in retention.NAMES]
            if not problems
            else []
        ):
            problems = retention.problems_of(dict.fromkeys(unknown, 1))
        if problems:
            raise serializers.ValidationError(
                {name or "non_field_errors": [problem] for name, problem in problems.items()}
            )
        return dict(given)

    def to_representation(self, kept: dict[str, int]) -> dict[str, int]:
        return retention.days(kept)


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            budget.name: {
                "type": "number" if budget.is_money else "integer",
                "nullable": True,
                "minimum": 0 if budget.is_money else 1,
                "maximum": budget.most,
            }
            for budget in budgets.BUDGETS
        },
        "additionalProperties": False,
    }
)
class BudgetsField(serializers.Field[Any, Any, Any, Any]):
    """`{budget: number}`: every budget is answered, null where there is none."""

    def to_internal_value(self, given: Any) -> dict[str, Any]:
        told = given
        if isinstance(given, dict):
            known = budgets.NAMES
            told = {
                name: value
                for name, value in given.items()
                if value is not None or name not in known
            }
        if problems := budgets.problems_of(told):
            raise serializers.ValidationError(
                {name or "non_field_errors": [problem] for name, problem in problems.items()}
            )
        return dict(given)

    def to_representation(self, kept: dict[str, Any]) -> dict[str, Any]:
        return budgets.all_of(kept)


class WorkspaceSerializer(serializers.ModelSerializer[Workspace]):
    """`stages` as a whole list, or single renames as `rename_stages`; crm.stages says what becomes of the deals."""

    timezone = serializers.CharField(max_length=64, validators=[known_timezone])
    stages = serializers.ListField(
        child=serializers.CharField(max_length=100), validators=[stage_names], max_length=50
    )
    rename_stages = serializers.DictField(
        child=serializers.CharField(max_length=100),
        write_only=True,
        required=False,
        help_text="{old name: new name}",
    )
    retention = RetentionField(
        help_text="Days by period. A change names only what it changes; null goes back to the server's own.",
    )
    queue_limit = serializers.IntegerField(
        min_value=1, max_value=10_000_000, allow_null=True, required=False
    )
    budgets = BudgetsField(
        required=False,
        help_text="What language models may take in a day: tokens, and US dollars. A change names only what it "
        "changes; null is unlimited.",
    )
    members = serializers.SerializerMethodField()

    class Meta:
        model = Workspace
        fields = (
            "id", "name", "slug", "timezone", "stages", "rename_stages", "paused", "retention",
            "queue_limit", "default_model", "budgets", "members",
            "created_at", "updated_at",
        )  # fmt: skip

    @extend_schema_field(MembershipSerializer(many=True))
    def get_members(self, workspace: Workspace) -> Any:
        members = workspace.memberships.select_related("user").order_by("created_at", "pk")
        return MembershipSerializer(members, many=True, context=self.context).data

    def validate_retention(self, given: dict[str, int | None]) -> dict[str, int]:
        """What was set before stays where the change does not name it."""
        before = self.instance.retention if self.instance else {}
        return {name: days for name, days in {**before, **given}.items() if days is not None}

    def validate_budgets(self, given: dict[str, Any]) -> dict[str, Any]:
        """The same."""
        before = self.instance.budgets if self.instance else {}
        return {name: value for name, value in {**before, **given}.items() if value is not None}


@extend_schema_field(
    {
        "type": "array",
        "items": {"type": "string", "enum": list(SCOPES)},
        "minItems": 1,
        "maxItems": len(SCOPES),
    }
)
class ScopesField(serializers.ListField):
    """Some of them, at least one."""


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its secret, which only the answer to its creation has."""

    name = serializers.CharField(max_length=100)
    user_id = serializers.IntegerField(read_only=True)
    scopes = ScopesField(
        child=serializers.ChoiceField(choices=SCOPES), allow_empty=False, max_length=len(SCOPES)
    )

    class Meta:
        model = ApiToken
        fields = (
            "id",
            "name",
            "user_id",
            "last4",
            "scopes",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "created_at",
        )
        read_only_fields = ("last4", "revoked_at", "last_used_at")

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        missing = set(scopes) - access.scopes_of(self.context["request"]._request)
        if missing:
            raise serializers.ValidationError(
                f"You cannot give what you do not have: {', '.join(sorted(missing))}."
            )
        return [scope for scope in SCOPES if scope in scopes]

    def validate_expires_at(self, at: dt.datetime | None) -> dt.datetime | None:
        if at is not None and at <= dt.datetime.now(dt.UTC):
            raise serializers.ValidationError("Give a time in the future.")
        return at


class NewTokenSerializer(TokenSerializer):
    """The same with the secret: shown once, stored nowhere."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]  # one more than its base
