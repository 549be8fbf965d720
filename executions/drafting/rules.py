"""Drafts without a language model: what `offline:rules` answers to a plain sentence.

A few words decide (`rule_events`: when, `rule_steps`: what), always the same for one sentence. What they do not know
is asked, never made up, and all of it is labelled.
"""

from __future__ import annotations

from typing import Any

from agents.llm import offline
from executions.drafting import rule_events, rule_steps, telling

QUESTION_WHEN = (
    "When shall it run? The rules know: a contact is created, a deal is won, every day at 9."
)
QUESTION_WHAT = (
    "What shall happen? The rules know: note, task, e-mail, notify, wait, set a field, move a deal, "
    "call a URL."
)


@offline.fills(telling.TITLE)
def fill(given: dict[str, Any]) -> dict[str, Any]:
    """The value of `telling.SCHEMA`. `given`: the data, with `description`, `stages` and `timezone`."""
    description = " ".join(str(given.get("description", "")).split())
    when, what = rule_events.parted(description)
    event = rule_events.read(when, given)
    steps = rule_steps.read(what, event, given)
    name = (description[:1].upper() + description[1:]).rstrip(".!")[:80] or "Draft"
    questions = [] if event.config or event.trigger_type == "manual" else [QUESTION_WHEN]
    if not steps:
        questions.append(QUESTION_WHAT)
        steps = [{"action": "notify", "params": {"message": name.replace("@", "@@")}}]
    names = ", ".join(step["action"].replace("_", " ") for step in steps)
    return {
        "agent": {
            "name": name,
            "description": f"{offline.LABEL} {description}"[:4000],
            "steps": steps,
        },
        "trigger": {
            "name": name,
            "trigger_type": event.trigger_type,
            "config": event.config,
            "conditions": {"type": "rule", "logic": "AND", "rules": event.rules}
            if event.rules
            else {},
        },
        "explanation": f"{offline.LABEL} {event.said}, then: {names}. Other words were left out.",
        "questions": questions,
    }
