"""Contacts, deals, notes, tasks, forms and what was sent through them."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.text import slugify
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm import embedding, form_fields, origins
from crm.models import Contact, Form, FormSubmission, Note, Opportunity, Task
from crm.models.form import default_fields
from crm.rest import MemberRelated, OwnRelated, workspace_of
from crm.serializers.fields import CustomField

_CURRENCY = re.compile(r"[A-Z]{3}\Z")


class ContactSerializer(serializers.ModelSerializer[Contact]):
    owner = MemberRelated(allow_null=True, required=False)
    custom = CustomField(required=False)

    class Meta:
        model = Contact
        fields = (
            "id", "first_name", "last_name", "email", "phone", "title", "company", "source", "owner", "custom",
            "created_at", "updated_at",
        )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = ("first_name", "last_name", "email", "phone", "company")
        is_new_or_renamed = self.instance is None or any(name in attrs for name in names)
        known = (attrs.get(name, getattr(self.instance, name, "")) for name in names)
        if is_new_or_renamed and not any(known):
            raise serializers.ValidationError(
                "Give at least a name, an e-mail address, a phone number or a company."
            )
        return attrs


class OpportunitySerializer(serializers.ModelSerializer[Opportunity]):
    contact_id = OwnRelated(
        source="contact", queryset=Contact.objects.all(), allow_null=True, required=False
    )
    owner = MemberRelated(allow_null=True, required=False)
    custom = CustomField(required=False)

    class Meta:
        model = Opportunity
        fields = (
            "id", "name", "value", "currency", "stage", "contact_id", "close_date", "owner", "custom",
            "created_at", "updated_at",
        )  # fmt: skip

    def validate_stage(self, stage: str) -> str:
        stages: list[str] = workspace_of(self.context["request"]).stages
        if stage not in stages:
            raise serializers.ValidationError(f"Give one of: {', '.join(stages)}.")
        return stage

    def validate_currency(self, currency: str) -> str:
        code = currency.upper()
        if not _CURRENCY.match(code):
            raise serializers.ValidationError("Give a currency's three letters, such as EUR.")
        return code

    def create(self, validated_data: dict[str, Any]) -> Opportunity:
        first_stage = validated_data["workspace"].stages[0]
        return super().create({"stage": first_stage, **validated_data})


class NoteSerializer(serializers.ModelSerializer[Note]):
    contact_id = OwnRelated(
        source="contact", queryset=Contact.objects.all(), allow_null=True, required=False
    )
    opportunity_id = OwnRelated(
        source="opportunity", queryset=Opportunity.objects.all(), allow_null=True, required=False
    )
    text = serializers.CharField(max_length=20_000)
    owner = MemberRelated(allow_null=True, required=False)

    class Meta:
        model = Note
        fields = ("id", "contact_id", "opportunity_id", "text", "owner", "created_at")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        names = ("contact", "opportunity")
        is_new_or_moved = self.instance is None or any(name in attrs for name in names)
        about = (attrs.get(name, getattr(self.instance, name, None)) for name in names)
        if is_new_or_moved and not any(about):
            raise serializers.ValidationError(
                "Give contact_id or opportunity_id: a note is about something."
            )
        return attrs


class TaskSerializer(serializers.ModelSerializer[Task]):
    contact_id = OwnRelated(
        source="contact", queryset=Contact.objects.all(), allow_null=True, required=False
    )
    opportunity_id = OwnRelated(
        source="opportunity", queryset=Opportunity.objects.all(), allow_null=True, required=False
    )
    owner = MemberRelated(allow_null=True, required=False)

    class Meta:
        model = Task
        fields = (
            "id",
            "contact_id",
            "opportunity_id",
            "title",
            "due_at",
            "done_at",
            "owner",
            "created_at",
        )


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": form_fields.MAX_FIELDS,
        "items": {
            "type": "object",
            "required": ["name", "label", "type"],
            "properties": {
                "name": {"type": "string"},
                "label": {"type": "string"},
                "type": {"type": "string", "enum": list(form_fields.MAX_LENGTHS)},
                "required": {"type": "boolean"},
                "options": {"type": "array", "items": {"type": "string"}},
                "help": {"type": "string"},
            },
        },
    }
)
class FormFieldsField(serializers.JSONField):
    """The fields of a form, as `crm.form_fields` wants them."""

    default_validators = [form_fields.known_fields]


@extend_schema_field(
    {
        "type": "array",
        "maxItems": origins.MAX_ORIGINS,
        "items": {"type": "string", "example": "https://www.example.org"},
        "description": "Sites that may show the form in a frame and send its answers from their own pages.",
    }
)
class OriginsField(serializers.Field[list[str], Any, list[str], Any]):
    """Origins in any spelling; kept as browsers write them."""

    def to_internal_value(self, data: Any) -> list[str]:
        try:
            return origins.read_all(data)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from None

    def to_representation(self, value: list[str]) -> list[str]:
        return value


class FormSerializer(serializers.ModelSerializer[Form]):
    slug = serializers.SlugField(max_length=100, required=False)
    fields = FormFieldsField(default=default_fields)  # type: ignore[assignment, arg-type]  # the wire's name; a list
    public_url = serializers.SerializerMethodField()
    embed_html = serializers.SerializerMethodField(
        help_text="To paste on the sites named in `origins`."
    )
    origins = OriginsField(default=list)

    class Meta:
        model = Form
        fields = (
            "id", "name", "slug", "public_id", "public_url", "description", "thank_you", "fields", "is_open",
            "origins", "embed_html",
            "submissions_count", "last_submitted_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("public_id", "submissions_count", "last_submitted_at")

    def get_public_url(self, form: Form) -> str:
        return embedding.address(form)

    def get_embed_html(self, form: Form) -> str:
        return embedding.snippet(form)

    def create(self, validated_data: dict[str, Any]) -> Form:
        if not validated_data.get("slug"):
            validated_data["slug"] = _free_slug(validated_data["workspace"], validated_data["name"])
        return super().create(validated_data)


def _free_slug(workspace: Any, name: str) -> str:
    """The name as a slug, numbered where another form of the workspace has it."""
    wanted = slugify(name)[:90] or "form"
    taken = set(
        Form.objects.filter(workspace=workspace, slug__startswith=wanted).values_list(
            "slug", flat=True
        )
    )
    numbered = (
        wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2)
    )
    return next(slug for slug in numbered if slug not in taken)


class FormSubmissionSerializer(serializers.ModelSerializer[FormSubmission]):
    form_id = serializers.UUIDField(read_only=True, allow_null=True)
    contact_id = serializers.UUIDField(read_only=True, allow_null=True)
    fields = serializers.DictField(read_only=True)  # type: ignore[assignment]  # the wire's name for it

    class Meta:
        model = FormSubmission
        fields = (
            "id",
            "form_id",
            "contact_id",
            "fields",
            "is_new_contact",
            "is_spam",
            "submitted_at",
        )
        read_only_fields = ("is_new_contact", "is_spam")
