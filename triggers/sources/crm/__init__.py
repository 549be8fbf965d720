"""Events of the CRM: contacts, deals and answered forms.

Row 2 of the path of an event: `receivers` hear what the models and their querysets tell inside the row's own
transaction, `drafts` make events of it, `types` says what those look like. Programs that act for the CRM call
`listener`.
"""

from triggers.sources.crm import receivers, types

__all__ = ["receivers", "types"]
