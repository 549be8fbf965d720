"""What the CRM tells those above it. Receivers live in `triggers/sources/`; whatever one raises undoes the write."""

from __future__ import annotations

from django.dispatch import Signal

# Rows of one model were written in bulk: at most `tracking.CHUNK` of them, each row told once, inside the transaction
# that wrote them. Arguments: sender (the model), kind ("created", "updated" or "deleted"), rows; `row.changes()` and
# `row.stored()` are those of this write. Updated rows whose tracked fields kept their values are not among them.
rows_changed = Signal()

# Somebody answered a form, and it is not spam. Arguments: sender (FormSubmission), submission, with its form and
# contact loaded. The receiver that records it answers with the event's id.
form_submitted = Signal()

# How much work waits in a workspace? Arguments: sender (Workspace), workspace_id, limit: counting may stop there. The
# receiver answers with a number, read a moment ago at most.
backlog_asked = Signal()

# Rows are about to be locked, because a person changes or deletes them: who keeps locks that come first in the order of
# the house takes them now. Arguments: sender (the model), rows (a queryset of them), deleting. Told inside the
# transaction that will lock them.
about_to_lock = Signal()
