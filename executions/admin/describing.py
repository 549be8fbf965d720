"""Describe it: from a sentence to a draft, from the draft to an agent with its trigger, by a person's click."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from agents.actions import ActionFailed
from agents.llm import providers
from config.lib import audit, json, throttle, waits
from crm.admin.base import WorkspaceModelAdmin
from crm.models import Workspace
from executions import drafting
from executions.admin.draft_form import ReviewForm
from executions.admin.words import action_label, conditions_said
from executions.drafting import Drafted, rehearsal, saving
from executions.models import Reason
from executions.pages import words
from triggers import conditions, sources

EXAMPLES = (
    "When a deal above 10,000 is won, thank the contact and tell sales.",
    "When a form is submitted, create a task to call the contact tomorrow.",
    "Every weekday at 9, notify the team.",
)
WHY = {
    Reason.CONDITION_FALSE: "The conditions are not met.",
    Reason.CONDITION_ERROR: "The conditions cannot be judged with what this event holds.",
    rehearsal.NEEDS_MODEL: "Needs the model, which was not asked here.",
    rehearsal.PAYLOAD_DELETED: "What it held is deleted already.",
}
_STEP = re.compile(r"agent\.steps\[(\d+)\](?:\.params\.(\w+))?")
AWAY = "The model did not draft anything: {error} Your description is still here; try again in a moment."


class DescribeForm(forms.Form):
    description = forms.CharField(
        label="What shall happen, and when?",
        max_length=drafting.MAX_DESCRIPTION,
        widget=UnfoldAdminTextareaWidget({"rows": 4, "placeholder": EXAMPLES[0]}),
    )
    model = forms.CharField(
        label="Model",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget({"list": "tf-models"}),
        help_text=f"provider:model. {providers.RULES} is no language model: it knows some words and needs no key.",
    )


class DescribingAdmin(WorkspaceModelAdmin):
    """Asks for roles and workspaces as for a new trigger."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.describe_view)
        return [path("describe/", view, name="triggers_trigger_describe"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        page = super().changelist_view(request, extra_context)
        may_add = self.has_add_permission(request)
        if may_add and isinstance(page, TemplateResponse) and page.context_data is not None:
            page.context_data["actions_list"] = [
                {
                    "title": "Describe it",
                    "icon": "edit_note",
                    "path": reverse("admin:triggers_trigger_describe"),
                    "attrs": {"title": "Write in a sentence what shall happen when"},
                }
            ]
        return page

    def describe_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        workspace = self.workspace_of_form(request, None)
        if workspace is None:
            return self.ask_for_workspace(request, "Describe it")
        wanted = request.POST.get("action", "")
        if request.method == "POST" and wanted == "draft":
            return self._draft(request, workspace)
        if request.method == "POST" and wanted in ("look", "save", "activate"):
            return self._go_on(request, workspace, wanted)
        return self._show_form(request, workspace)

    def _show_form(
        self,
        request: HttpRequest,
        workspace: Workspace,
        *,
        form: DescribeForm | None = None,
        problem: str = "",
        status: int = 200,
    ) -> HttpResponse:
        given = request.POST or request.GET
        initial = {
            "description": given.get("description", "")[: drafting.MAX_DESCRIPTION],
            "model": given.get("model") or workspace.default_model or providers.RULES,
        }
        form = form or DescribeForm(initial=initial)
        models = dict.fromkeys(filter(None, [workspace.default_model, providers.RULES]))
        more = {"form": form, "models": models, "problem": problem, "examples": EXAMPLES}
        return self._page(request, workspace, "admin/describe.html", status=status, **more)

    def _draft(self, request: HttpRequest, workspace: Workspace) -> HttpResponse:
        form = DescribeForm(request.POST)
        if not form.is_valid():
            return self._show_form(request, workspace, form=form)
        wait = throttle.seconds_to_wait(
            "draft", callers=[f"user:{request.user.pk}"], per_minute=settings.DRAFTS_PER_MINUTE
        )
        if wait:
            problem = f"That were many drafts in a minute; try again in {wait} seconds."
            return self._show_form(request, workspace, problem=problem, status=429)
        given = form.cleaned_data
        try:
            found = drafting.draft(workspace, given["description"], model=given["model"])
        except (drafting.NoModel, waits.Busy) as error:
            status = 503 if isinstance(error, waits.Busy) else 400
            return self._show_form(request, workspace, problem=str(error), status=status)
        except ActionFailed as error:
            problem = AWAY.format(error=error) if error.retryable else str(error)
            status = 503 if error.retryable else 400
            return self._show_form(request, workspace, problem=problem, status=status)
        return self._review(request, workspace, found)

    def _go_on(self, request: HttpRequest, workspace: Workspace, wanted: str) -> HttpResponse:
        """What a person made of a draft: looked at again, or saved."""
        draft = _posted(request.POST.get("draft", ""))
        if draft is None:
            problem = "The draft was damaged on its way. Please draft it again."
            return self._show_form(request, workspace, problem=problem, status=400)
        form = ReviewForm(draft, request.POST)
        if not form.is_valid():
            return self._review(request, workspace, drafting.review(workspace, draft), form=form)
        draft = form.edited()
        if wanted == "look":
            return self._review(request, workspace, drafting.review(workspace, draft))
        try:
            return self._save(request, workspace, draft, activate=wanted == "activate")
        except saving.CannotSave as error:
            found = drafting.review(workspace, draft)
            found.problems = error.problems
            return self._review(request, workspace, found, status=400)

    def _save(
        self, request: HttpRequest, workspace: Workspace, draft: dict[str, Any], *, activate: bool
    ) -> HttpResponse:
        with transaction.atomic():
            saved = saving.save(workspace, draft, user_id=request.user.pk, activate=activate)
            for row in (saved.agent, saved.trigger):
                self.log_addition(request, row, [{"added": {}}])
            if activate:
                audit.record(request, "activate", saved.agent, after={"status": saved.agent.status})
        if activate and saved.trigger.enabled:
            said = f"{saved.trigger} listens, and {saved.agent} is live."
        elif activate:
            said = (
                f"Saved: {saved.agent} is live; {saved.trigger} listens once its examples passed."
            )
        else:
            said = (
                f"Saved: {saved.agent} is a draft and {saved.trigger} is off. "
                "Switch both on when they are ready."
            )
        messages.success(request, said)
        for warning in saved.warnings:
            messages.warning(request, warning)
        page = reverse("admin:triggers_trigger_change", args=[saved.trigger.pk])
        return HttpResponseRedirect(page)

    def _review(
        self,
        request: HttpRequest,
        workspace: Workspace,
        found: Drafted,
        *,
        form: ReviewForm | None = None,
        status: int = 200,
    ) -> HttpResponse:
        form = form or ReviewForm(found.draft)
        form.tell(found.problems)
        trigger = found.draft["trigger"]
        kind = str(trigger.get("trigger_type"))
        more = {
            "form": form,
            "found": found,
            "description": request.POST.get("description", ""),
            "model": request.POST.get("model", ""),
            "explanation": found.explanation or request.POST.get("explanation", ""),
            "questions": [_placed(one, found.draft) for one in found.questions],
            "warnings": [_placed(one, found.draft) for one in found.warnings],
            "is_offline": found.model == providers.RULES,
            "draft_json": json.dumps(found.draft).decode(),
            "conditions": _conditions(trigger.get("conditions")),
            "kind": sources.registry.get(kind).label if kind in sources.registry else "",
            "results": [_said(one, trigger.get("conditions")) for one in found.dry_run["results"]],
        }
        return self._page(request, workspace, "admin/draft_review.html", status=status, **more)

    def _page(
        self, request: HttpRequest, workspace: Workspace, template: str, *, status: int, **more: Any
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": "Describe it",
            "opts": self.opts,
            "workspace": workspace,
            "back_url": reverse("admin:triggers_trigger_changelist"),
            "media": self.media + more["form"].media,
        }
        return TemplateResponse(request, template, context | more, status=status)


def _posted(text: str) -> dict[str, Any] | None:
    """The draft that went through the person's browser; None where it is none."""
    try:
        draft = json.loads(text)
    except json.InvalidJSON:
        return None
    parts = [draft.get(part) for part in ("agent", "trigger")] if isinstance(draft, dict) else []
    return draft if parts and all(isinstance(part, dict) for part in parts) else None


def _placed(said: str, draft: dict[str, Any]) -> str:
    """A sentence that begins with a path, with the place as the page calls it: `Step 2 (Send e-mail), to: ...`."""
    found = _STEP.match(said)
    if found is None:
        return said.removeprefix("agent.").removeprefix("trigger.")
    steps = draft["agent"].get("steps") or []
    number = int(found[1])
    step = steps[number] if number < len(steps) and isinstance(steps[number], dict) else {}
    label = action_label(str(step.get("action", "")))
    param = f", {found[2]}" if found[2] else ""
    return f"Step {number + 1} ({label}){param}{said[found.end() :]}"


def _conditions(tree: Any) -> dict[str, Any]:
    """As sentences; nothing where they cannot be read, which the problems tell."""
    try:
        return conditions_said(conditions.parse(tree).tree)
    except conditions.InvalidConditions:
        return {}


def _said(result: dict[str, Any], tree: Any) -> dict[str, Any]:
    seen = words.conditions_seen(result["trace"], tree)
    return {**result, "why": WHY.get(result["reason"], ""), "seen": seen}
