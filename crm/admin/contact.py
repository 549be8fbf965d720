"""Contacts in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter

from crm.admin.columns import column
from crm.admin.contact_files import ContactFilesAdmin
from crm.admin.forms import WorkspaceModelForm
from crm.admin.reading import as_table, happened_to
from crm.admin.rows import PairsField
from crm.models import Contact


class ContactForm(WorkspaceModelForm):
    custom = PairsField(label="Custom fields", add="Add a custom field")


@admin.register(Contact)
class ContactAdmin(ContactFilesAdmin):
    form = ContactForm
    list_display = ["who", "email", "company", "title", "source", "created_at"]
    list_filter = [("created_at", DateFieldListFilter)]
    search_fields = ["first_name", "last_name", "email", "company"]
    readonly_fields = ["happened", "created_at", "updated_at"]
    readable = {"custom": "custom_read"}
    custom_read = as_table("custom", "Custom fields")
    happened = happened_to("contact")
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("first_name", "last_name"),
                    ("email", "phone"),
                    ("company", "title"),
                    ("source", "owner"),
                ]
            },
        ),
        ("Custom fields", {"fields": ["custom"]}),
        ("History", {"fields": ["happened", ("created_at", "updated_at")]}),
    ]

    @column("Name", ordering="first_name")
    def who(self, row: Contact) -> str:
        return str(row)
