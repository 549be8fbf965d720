"""The form of a trigger: its type's own configuration, conditions as a tree, what is handed to the agent, limits."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from config.lib.problems import Problem
from crm.admin.editors import EditorField, EditorWidget, refuse
from crm.admin.forms import WorkspaceModelForm, add_problems
from crm.admin.rows import PairsField
from executions import trying
from executions.admin import vocabulary
from executions.admin.mapping_form import MappingField, in_rows
from executions.trying import Standing
from triggers import blueprint, condition_fields, conditions, cron, operators, sources, trials
from triggers.models import Trigger
from triggers.problems import InvalidTrigger, by_path
from triggers.sources.mcp_event import telling

PLAIN = (
    "name",
    "description",
    "enabled",
    "default_inputs",
    "config",
    "conditions",
    "input_mapping",
    "trigger_type",
)
LIMITS = (
    "max_executions_per_hour",
    "max_concurrent",
    "cooldown_seconds",
    "max_age_seconds",
    "failure_threshold",
    "ignore_cooldown",
    "allow_reentry",
    "fail_open",
)
SAID = {
    "max_executions_per_hour": ("Runs per hour", "What comes on top waits. Empty: no limit."),
    "max_concurrent": ("At the same time", "What comes on top waits. Empty: no limit."),
    "cooldown_seconds": (
        "Cooldown in seconds",
        "Events that come sooner after the last accepted one are skipped.",
    ),
    "max_age_seconds": (
        "Too old after seconds",
        "What has waited longer is skipped. Empty: never.",
    ),
    "failure_threshold": (
        "Failures in a row",
        "Then the trigger stops, until you enable it again.",
    ),
    "ignore_cooldown": ("Ignore the cooldown", "For events that must never be skipped."),
    "examples_pass_rate": (
        "Examples that must be right",
        "A share from 0 to 1, of each condition in words; below it the trigger cannot be enabled.",
    ),
    "allow_reentry": (
        "May run in a circle",
        "It may fire again in a chain that it began, at most 5 deep.",
    ),
    "fail_open": (
        "Run without the model",
        "Where the model that judges a condition in words cannot be asked, it runs all the same.",
    ),
}


class ConfigWidget(EditorWidget):
    """A form made of the type's schema; `static/admin/choice_form.js` follows the select with the type."""

    editor = "choice"
    scripts = (
        "admin/value_editor.js",
        "admin/schema_form.js",
        "admin/schedule_preview.js",
        "admin/choice_form.js",
    )


class ConfigField(EditorField):
    widget = ConfigWidget
    empty = dict

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            refuse([Problem("", "Give the configuration of one type.")])
        return dict(value)


class ConditionsWidget(EditorWidget):
    editor = "conditions"
    scripts = ("admin/value_editor.js", "admin/question_editor.js", "admin/condition_builder.js")


class ConditionsField(EditorField):
    """Any form that `triggers.conditions` reads; it is judged with the rest of the trigger."""

    widget = ConditionsWidget
    empty = dict


class TriggerForm(WorkspaceModelForm):
    """`triggers.blueprint` checks and sets; the form only carries the values there and the problems back."""

    trigger_type = forms.ChoiceField(label="Type", initial="event", widget=UnfoldAdminSelectWidget)
    config = ConfigField(required=False, label="Listens to")
    enabled = forms.BooleanField(required=False, initial=True, widget=UnfoldBooleanSwitchWidget)
    conditions = ConditionsField(required=False, label="Conditions")
    input_mapping = MappingField()
    default_inputs = PairsField(
        label="Fixed values",
        add="Add a value",
        name_label="Input",
        help_text="Used where the event has nothing for the name.",
    )
    warnings: list[str]
    before: Standing
    request: HttpRequest | None = None  # the admin puts it on the class

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding is False:
            self.initial["enabled"] = self.instance.enabled
        if "failure_threshold" in self.fields:  # not on the page of somebody who may only look
            self._offer()

    def _offer(self) -> None:
        kinds = {
            name: self._kind(name) for name in sources.registry if not sources.why_off(name, {})
        }
        if (
            kept := self.instance.trigger_type
        ):  # also where it is turned off, or not installed any more
            kinds[kept] = self._bound(sources.of(self.instance))
        for name, (label, hint) in SAID.items():
            self.fields[name].label, self.fields[name].help_text = label, hint
        self.fields["examples_pass_rate"].required = False
        self.fields["trigger_type"].choices = [(name, kind.label) for name, kind in kinds.items()]  # type: ignore[attr-defined]
        choices = {}
        if self.workspace is not None:
            choices = {
                "event_type": vocabulary.event_names(self.workspace),
                "endpoint": vocabulary.endpoints(self.workspace),
                "timezone": cron.zones(),
                "source_agent_id": vocabulary.agents(self.workspace),
                "server_name": vocabulary.mcp_servers(self.workspace),
                "mcp_event": list(telling.KNOWN),
                "pick_webhook": vocabulary.webhooks(self.workspace, but=self.instance.pk),
            }
        self.fields["config"].widget.config = {
            "types": {
                name: {
                    "label": kind.label,
                    "description": kind.description,
                    "schema": kind.offered_schema(self.instance.config),
                    "preview": self._preview(kind),
                    "variants": asdict(found) if (found := kind.variants()) else None,
                }
                for name, kind in kinds.items()
            },
            "type_input": "id_trigger_type",
            "choices": choices,
        }
        known = [operators.registry.get(name) for name in operators.registry]
        self.fields["conditions"].widget.config = {
            "operators": [
                {"name": one.name, "label": one.label, "value": one.value} for one in known
            ],
            "fields": vocabulary.fields_by_type(self.workspace),
            "config_input": "id_config",
            "models": vocabulary.models(self.workspace),
            "events_url": "/api/v1/triggers/events",
            "workspace": self.workspace.slug if self.workspace else "",
            "trigger": "" if self.instance._state.adding else str(self.instance.pk),
            "type_input": "id_trigger_type",
            "told_to": vocabulary.told_to(),
        }
        self.fields["input_mapping"].offer(self.workspace)  # type: ignore[attr-defined]

    def _kind(self, name: str) -> sources.Source:
        return self._bound(sources.registry.get(name))

    def _bound(self, source: sources.Source) -> sources.Source:
        return source.within(self.workspace) if self.workspace is not None else source

    def _preview(self, kind: sources.Source) -> dict[str, Any] | None:
        """Where the page asks what a configuration means, while it is typed."""
        if not kind.preview or self.workspace is None:
            return None
        return {
            "url": kind.preview,
            "workspace": self.workspace.slug,
            "after": 2,
        }  # the expression and its zone

    def _post_clean(self) -> None:
        """In place of Django's own checks, which would copy the values onto the row before they are judged."""
        given = {
            name: self.cleaned_data[name] for name in (*PLAIN, *SAID) if name in self.cleaned_data
        }
        if given.get("examples_pass_rate") is None:  # left empty: as it is
            given.pop("examples_pass_rate", None)
        if agent := self.cleaned_data.get("agent"):
            given["agent_id"] = str(agent.pk)
        self.warnings, self.before = [], trying.standing(self.instance)
        try:
            self.warnings = blueprint.apply(self.instance, given)
            self._refuse_models()
            self.warnings += self._admit()
        except InvalidTrigger as invalid:
            already = {"agent_id" if name == "agent" else name for name in self.errors}
            found = {
                path: said
                for path, said in invalid.problems.items()
                if path.split(".")[0].split("[")[0] not in already
            }
            placed = in_rows(found, self.cleaned_data.get("input_mapping") or {})
            add_problems(self, placed, names={"agent_id": "agent"})

    def _refuse_models(self) -> None:
        """A trigger that shall listen, and whose conditions nobody can judge."""
        row = self.instance
        if row.enabled and "conditions" in self.changed_data:
            parsed = conditions.parse(row.conditions)
            found = condition_fields.model_problems(
                parsed, workspace=row.workspace, agent=row.agent
            )
            if found:
                raise InvalidTrigger(by_path("conditions", found))

    def _admit(self) -> list[str]:
        """By its examples, where they were tried; `executions.admin.examples` checks the page once before that."""
        tried = getattr(self.request, "tried_examples", None)
        if tried is None:
            return []
        return trying.admit(self.instance, before=self.before, tried=tried)

    def keep_examples(self) -> None:
        """Once the row is saved: what was tried, and what is still to be."""
        trials.follow(self.instance)
        tried = getattr(self.request, "tried_examples", [])
        trying.keep(self.instance, before=self.before, tried=tried)

    def save(self, commit: bool = True) -> Trigger:
        return self.instance  # type: ignore[no-any-return]  # saved by `save_model`

    def save_m2m(self) -> None:
        """There is nothing of the kind."""
