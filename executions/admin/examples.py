"""The examples of conditions in words in the admin: tried before a trigger is saved to listen, and by a button."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.http import HttpRequest
from django.template.loader import render_to_string
from unfold.enums import ActionVariant

from crm.admin.actions import Done, ObjectAction, Refused
from crm.admin.base import WorkspaceModelAdmin
from crm.admin.columns import column
from executions import trying
from triggers import activation, trials
from triggers.models import Trigger
from triggers.trials import Tried

STATES = {"pass": "success", "fail": "danger", "not tried": "warning"}
_WORDS = {
    activation.NONE: "",
    activation.PASSED: "pass",
    activation.FAILED: "fail",
    activation.UNTRIED: "not tried",
}


def try_examples(request: HttpRequest, trigger: Trigger, cleaned: dict[str, Any]) -> Done:
    tried = trying.try_now(trigger)
    told = activation.told(trying.fresh(trigger))
    errors = [one.error for one in tried if one.error]
    if errors:
        raise Refused(f"They could not be tried. {errors[0]}")
    said = f"{told['passed']} of {told['total']} examples are right."
    return Done(said, after={name: told[name] for name in ("state", "passed", "total")})


def try_first(request: HttpRequest, trigger: Trigger) -> None:
    """Before a trigger is switched on."""
    trying.ensure(trigger)


TRY = ObjectAction(
    "try_examples",
    "Try the examples",
    try_examples,
    icon="psychology",
    variant=ActionVariant.DEFAULT,
    shown=lambda trigger: trials.has_examples(trigger.conditions),
    in_bulk=False,
    outside=True,
)


class ExamplesOfTrigger(WorkspaceModelAdmin):
    """What the admin of triggers does about examples; models are asked before its transaction begins."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if request.method == "POST" and '"examples"' in request.POST.get("conditions", ""):
            request.tried_examples = self._ahead(request, object_id)  # type: ignore[attr-defined]  # for the form
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _ahead(self, request: HttpRequest, object_id: str | None) -> list[Tried]:
        """What is wrong with the page is told when it is saved."""
        stored = self.get_object(request, unquote(object_id)) if object_id else None
        if object_id and (stored is None or not self.has_change_permission(request, stored)):
            return []
        if not object_id and not self.has_add_permission(request):
            return []
        if self.workspace_of_form(request, stored) is None:
            return []
        names = flatten_fieldsets(self.get_fieldsets(request, stored))
        form_class = self.get_form(request, stored, change=stored is not None, fields=names)
        form: Any = form_class(request.POST, instance=copy(stored) if stored else None)
        return trying.ahead(form.instance, before=form.before) if form.is_valid() else []

    @column("Examples", label=STATES)
    def examples_badge(self, row: Trigger) -> str:
        return _WORDS[activation.told(row)["state"]]

    @column("Examples")
    def examples_now(self, row: Trigger) -> str:
        told = activation.told(row, with_results=True)
        for question in told["questions"]:
            for number, result in enumerate(question["results"], start=1):
                result["number"] = number
                result["said"] = activation.said(result, model=question["model"])
        return render_to_string("admin/examples.html", {"told": told})
