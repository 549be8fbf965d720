"""Messages of a queue that could not be made events: read on their trigger's page, and put away."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.enums import ActionVariant

from crm.admin.actions import Done, ObjectAction
from triggers.models import DeadLetter, Trigger

SHOWN = 20


def shown(trigger: Trigger) -> str:
    """The newest ones, as HTML."""
    letters = DeadLetter.objects.filter(trigger=trigger, is_dead=True)
    context = {"letters": letters[:SHOWN], "count": letters.count()}
    return render_to_string("admin/dead_letters.html", context)


def put_away(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    count, _ = DeadLetter.objects.filter(trigger=trigger, is_dead=True).delete()
    return Done(f"{count} dead letters were put away.", after={"dead_letters": count})


def has_some(trigger: Trigger) -> bool:
    return DeadLetter.objects.filter(trigger=trigger, is_dead=True).exists()


ACTIONS = [
    ObjectAction(
        "put_letters_away",
        "Put dead letters away",
        put_away,
        icon="delete",
        variant=ActionVariant.DANGER,
        ask="The messages are deleted here; their queue does not have them any more.",
        shown=has_some,
        in_bulk=False,
    ),
]
