"""The admin of what the business owns; one file per page, `base.py` is what they share."""

from crm.admin import (
    api_token,
    contact,
    form,
    form_submission,
    membership,
    note,
    opportunity,
    task,
    user,
)

__all__ = [
    "api_token",
    "contact",
    "form",
    "form_submission",
    "membership",
    "note",
    "opportunity",
    "task",
    "user",
]
