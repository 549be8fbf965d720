"""REST of contacts, deals, notes, tasks, forms and submissions (contacts' CSV files: contact_files)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.lib.rest import Filter
from crm.models import Contact, Form, FormSubmission, Note, Opportunity, Task
from crm.rest import WorkspaceRows, WorkspaceViewSet
from crm.serializers import records
from crm.views.contact_files import ContactFiles

_ID = serializers.UUIDField()
_MEMBER = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
_TIME = serializers.DateTimeField()
_YES_OR_NO = serializers.BooleanField()
_DATE = serializers.DateField()
_MONEY = serializers.DecimalField(max_digits=14, decimal_places=2)

CREATED = {"since": Filter("created_at__gte", _TIME), "until": Filter("created_at__lt", _TIME)}
ABOUT = {"contact_id": Filter("contact_id", _ID), "opportunity_id": Filter("opportunity_id", _ID)}


class ContactViewSet(ContactFiles, WorkspaceViewSet):
    queryset = Contact.objects.all()
    serializer_class = records.ContactSerializer
    sort_fields = ("created_at", "updated_at", "first_name", "last_name", "email", "company")
    search_fields = ("first_name", "last_name", "email", "company", "title", "phone")
    filters = {
        "email": Filter("email__iexact"),
        "company": Filter("company__iexact"),
        "source": Filter("source"),
        "owner": Filter("owner_id", _MEMBER),
        **CREATED,
    }


class OpportunityViewSet(WorkspaceViewSet):
    queryset = Opportunity.objects.all()
    serializer_class = records.OpportunitySerializer
    sort_fields = ("created_at", "updated_at", "name", "value", "stage", "close_date")
    search_fields = ("name", "contact__first_name", "contact__last_name", "contact__company")
    filters = {
        "stage": Filter("stage"),
        "contact_id": Filter("contact_id", _ID),
        "owner": Filter("owner_id", _MEMBER),
        "min_value": Filter("value__gte", _MONEY),
        "max_value": Filter("value__lte", _MONEY),
        "closes_before": Filter("close_date__lt", _DATE),
        **CREATED,
    }


class NoteViewSet(WorkspaceViewSet):
    queryset = Note.objects.all()
    serializer_class = records.NoteSerializer
    sort_fields = ("created_at",)
    search_fields = ("text",)
    filters = {**ABOUT, "owner": Filter("owner_id", _MEMBER), **CREATED}

    def perform_create(self, serializer: Any) -> Any:
        serializer.validated_data.setdefault(
            "owner", self.request.user
        )  # who writes a note signs it
        return super().perform_create(serializer)


class TaskViewSet(WorkspaceViewSet):
    queryset = Task.objects.all()
    serializer_class = records.TaskSerializer
    sort_fields = ("created_at", "due_at", "done_at", "title")
    search_fields = ("title",)
    filters = {
        **ABOUT,
        "owner": Filter("owner_id", _MEMBER),
        "is_done": Filter(
            field=_YES_OR_NO,
            apply=lambda rows, done: rows.filter(done_at__isnull=not done),
            description="true: done; false: still to do",
        ),
        "due_before": Filter("due_at__lt", _TIME),
        **CREATED,
    }


class FormViewSet(WorkspaceViewSet):
    queryset = Form.objects.all()
    serializer_class = records.FormSerializer
    sort_fields = ("name", "created_at", "submissions_count", "last_submitted_at")
    search_fields = ("name", "slug")
    filters = {"is_open": Filter("is_open", _YES_OR_NO)}
    etag_ignores = ("submissions_count", "last_submitted_at", "updated_at")


class FormSubmissionViewSet(WorkspaceRows):
    queryset = FormSubmission.objects.all()
    serializer_class = records.FormSubmissionSerializer
    sort_fields = ("submitted_at",)
    filters = {
        "form_id": Filter("form_id", _ID),
        "contact_id": Filter("contact_id", _ID),
        "is_spam": Filter("is_spam", _YES_OR_NO),
        "since": Filter("submitted_at__gte", _TIME),
        "until": Filter("submitted_at__lt", _TIME),
    }
