"""What happened here that other apps may want to hear of."""

from __future__ import annotations

from django.dispatch import Signal

# After each try to send an e-mail, in a thread that may use the database. Arguments: workspace_id, to (list of
# addresses), subject, ok, error (empty where ok), execution_id.
email_finished = Signal()

# What do these agents hear? Arguments: sender (Agent), agents. The receiver that knows their triggers answers
# `{agent id: agents.exposure.Heard}`.
hearing_asked = Signal()
