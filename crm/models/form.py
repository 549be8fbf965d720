"""Public web forms and what people sent through them."""

from __future__ import annotations

import secrets

from django.db import models

from config.lib.ids import uuid7
from crm import form_fields
from crm import origins as origins_
from crm.models.contact import Contact
from crm.models.workspace import Workspace


def new_public_id() -> str:
    """A form's public address: 128 random bits, so that forms cannot be guessed."""
    return secrets.token_urlsafe(16)


def default_fields() -> list[dict[str, object]]:
    return [
        {"name": "name", "label": "Name", "type": "text", "required": True},
        {"name": "email", "label": "E-mail", "type": "email", "required": True},
        {"name": "message", "label": "Message", "type": "textarea", "required": False},
    ]


class FormQuerySet(models.QuerySet["Form"]):
    def shown_at(self, origin: str) -> FormQuerySet:
        """Open forms that name this site."""
        return self.filter(is_open=True, origins__contains=[origin])


class Form(models.Model):
    """A form that anyone may fill in at `/forms/{public_id}/`.

    `fields` is a list of `{"name", "label", "type", "required", "options"?, "help"?}`, as `crm.form_fields` says.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="forms")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=100)
    public_id = models.CharField(max_length=32, unique=True, default=new_public_id, editable=False)
    description = models.TextField(blank=True, default="", max_length=2000)
    thank_you = models.CharField(
        max_length=500, blank=True, default="Thank you, we will be in touch soon."
    )
    fields = models.JSONField(default=default_fields, validators=[form_fields.known_fields])
    # Sites that may show the page in a frame and send answers from their own pages; empty: none but this one.
    origins = models.JSONField(
        "sites", default=list, blank=True, validators=[origins_.known_origins]
    )
    is_open = models.BooleanField(default=True)
    submissions_count = models.PositiveIntegerField(default=0, editable=False)
    last_submitted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FormQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="form_slug_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="form_own"),
        ]

    def __str__(self) -> str:
        return self.name


class FormSubmission(models.Model):
    """One answer to a form, as it was sent; kept also when it looks like spam."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="form_submissions", db_index=False
    )
    form = models.ForeignKey(
        Form,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="submissions",
        db_constraint=False,
    )
    contact = models.ForeignKey(
        Contact,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="form_submissions",
        db_constraint=False,
    )
    fields = models.JSONField(default=dict)
    is_new_contact = models.BooleanField(default=False)
    is_spam = models.BooleanField(default=False)
    sending = models.CharField(max_length=64, blank=True, editable=False)  # form_tokens.sending
    submitted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "submission"
        ordering = ["-submitted_at"]
        indexes = [
            models.Index(fields=["workspace", "-submitted_at"], name="submission_newest"),  # lists
            models.Index(
                fields=["submitted_at"], condition=models.Q(is_spam=True), name="submission_spam"
            ),  # prune
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["form", "sending"],
                condition=~models.Q(sending=""),
                name="submission_sent_once",
            )  # a second click on "Send" finds the first submission
        ]

    def __str__(self) -> str:
        return f"{self.form or 'form'} {self.submitted_at:%Y-%m-%d %H:%M}"
