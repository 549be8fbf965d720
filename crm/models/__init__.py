"""What the business owns."""

from crm.models.captured import CapturedChange
from crm.models.contact import Contact
from crm.models.form import Form, FormSubmission
from crm.models.note import Note
from crm.models.opportunity import Opportunity
from crm.models.task import Task
from crm.models.workspace import SCOPES, ApiToken, Membership, Role, Workspace

__all__ = [
    "SCOPES",
    "ApiToken",
    "CapturedChange",
    "Contact",
    "Form",
    "FormSubmission",
    "Membership",
    "Note",
    "Opportunity",
    "Role",
    "Task",
    "Workspace",
]
