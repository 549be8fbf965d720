"""The form of a draft under review: what is simple to change stands in fields, each named by its path in the draft.

    agent.name  trigger.config.cron_expression  trigger.conditions.rules[0].value  agent.steps[1].params.to

The rest of the draft goes along untouched.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from agents import actions
from config.lib.registry import closest
from executions.drafting import checking, telling
from triggers import event_types, operators, sources

_LONG = 120  # characters; a longer text gets more room
_MOST = 200  # fields
_PART = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_APPROVAL = "A person approves each use"


@dataclass(frozen=True, slots=True)
class Section:
    """One step: its fields, and the params that have none."""

    title: str
    icon: str
    fields: list[BoundField] = field(default_factory=list)
    rest: dict[str, Any] = field(default_factory=dict)


class ReviewForm(forms.Form):
    """Always bound: to what was posted, else to the draft itself."""

    def __init__(self, draft: dict[str, Any], posted: Mapping[str, Any] | None = None) -> None:
        self.draft = draft
        self.was: dict[str, Any] = {}
        offered = dict(list(self._offered())[:_MOST])
        data = posted if posted is not None else {name: self._told(name) for name in offered}
        super().__init__(data)
        self.fields.update(offered)

    def tell(self, problems: checking.Problems) -> None:
        """Each problem at its field, else above."""
        for path, said in problems.items():
            place = path if path in self.fields else None
            if place in self.errors:
                continue
            for message in said:
                self.add_error(place, message if place else f"{path}: {message}")

    def edited(self) -> dict[str, Any]:
        """The draft with what the person wrote."""
        changed = copy.deepcopy(self.draft)
        for name, was in self.was.items():
            value = self.cleaned_data.get(name)
            if isinstance(value, str):
                value = value.replace("\r\n", "\n")
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if was is None and value in ("", None, False):
                continue
            _put(changed, name, value if value is not None else "")
        return changed

    # --- for the template --------------------------------------------------------------------------

    @property
    def names(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name in ("agent.name", "trigger.name")]

    @property
    def when(self) -> list[BoundField]:
        starts = ("trigger.trigger_type", "trigger.config")
        return [self[name] for name in self.fields if name.startswith(starts)]

    @property
    def compared(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith("trigger.conditions")]

    @property
    def thinking(self) -> list[BoundField]:
        return [self[name] for name in self.fields if name in ("agent.instructions", "agent.model")]

    @property
    def steps(self) -> list[Section]:
        found = []
        for number, step in enumerate(_steps(self.draft)):
            before = f"agent.steps[{number}]."
            fields = [self[name] for name in self.fields if name.startswith(before)]
            given = step.get("params")
            params = given if isinstance(given, dict) else {}
            rest = {k: v for k, v in params.items() if f"{before}params.{k}" not in self.fields}
            action = _action(step)
            title = action.label if action else str(step.get("action", "?"))
            found.append(Section(title, action.icon if action else "help", fields, rest))
        return found

    # --- what is offered ---------------------------------------------------------------------------

    def _offered(self) -> Iterator[tuple[str, forms.Field]]:
        agent, trigger = self.draft["agent"], self.draft["trigger"]
        yield self._text("agent.name", "Name of the agent", agent.get("name"))
        yield self._text("trigger.name", "Name of the trigger", trigger.get("name"))
        yield from self._of_trigger(trigger)
        for name, label in (("instructions", "Instructions"), ("model", "Model")):
            if agent.get(name):
                yield self._text(f"agent.{name}", label, agent[name])
        for number, step in enumerate(_steps(self.draft)):
            yield from self._of_step(step, f"agent.steps[{number}]")

    def _of_trigger(self, trigger: dict[str, Any]) -> Iterator[tuple[str, forms.Field]]:
        kind, config = trigger.get("trigger_type"), trigger.get("config")
        if kind not in telling.drafted_types():
            types = telling.drafted_types()
            self.was["trigger.trigger_type"] = kind
            labels = [(name, sources.registry.get(name).label) for name in types]
            yield "trigger.trigger_type", _choice("Runs on", labels)
            return
        schema = sources.registry.get(kind).offered_schema({})
        config = config if isinstance(config, dict) else {}
        for name, of in schema.get("properties", {}).items():
            if name in config or name in schema.get("required", ()):
                yield from self._by_schema(f"trigger.config.{name}", of, config.get(name))
        yield from self._of_conditions(trigger.get("conditions"), "trigger.conditions")

    def _of_conditions(self, node: Any, path: str) -> Iterator[tuple[str, forms.Field]]:
        """The values that rules compare with."""
        if not isinstance(node, dict):
            return
        for key in ("rules", "conditions"):
            members = node.get(key)
            for number, member in enumerate(members if isinstance(members, list) else ()):
                yield from self._of_conditions(member, f"{path}.{key}[{number}]")
        if "field" in node and "value" in node:
            name = str(node.get("operator"))
            label = operators.registry.get(name).label if name in operators.registry else name
            yield from self._value(f"{path}.value", f"{node['field']} {label}", node["value"])

    def _of_step(self, step: dict[str, Any], path: str) -> Iterator[tuple[str, forms.Field]]:
        action, params = _action(step), step.get("params")
        if action is None or not isinstance(params, dict):
            return
        required = action.schema.get("required", ())
        for name, schema in action.schema.get("properties", {}).items():
            if name in params or name in required:
                yield from self._by_schema(f"{path}.params.{name}", schema, params.get(name))
        if step.get("needs_approval"):
            self.was[f"{path}.needs_approval"] = True
            switch = UnfoldBooleanSwitchWidget()
            yield (
                f"{path}.needs_approval",
                forms.BooleanField(required=False, label=_APPROVAL, widget=switch),
            )

    def _by_schema(
        self, path: str, schema: dict[str, Any], value: Any
    ) -> Iterator[tuple[str, forms.Field]]:
        label = str(schema.get("title") or path.rpartition(".")[2])
        if path.endswith("config.event_type"):
            self.was[path] = value
            yield path, _choice(label, _event_names(value))
        elif schema.get("enum"):
            self.was[path] = value
            yield path, _choice(label, [(one, str(one)) for one in schema["enum"]])
        elif value is None and schema.get("type") == "string":
            yield self._text(path, label, value)
        else:
            roomy = schema.get("x-widget") == "textarea"
            yield from self._value(path, label, value, roomy=roomy)

    def _value(
        self, path: str, label: str, value: Any, *, roomy: bool = False
    ) -> Iterator[tuple[str, forms.Field]]:
        if isinstance(value, str):
            yield self._text(path, label, value, roomy=roomy)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self.was[path] = value
            yield path, forms.FloatField(label=label, widget=UnfoldAdminDecimalFieldWidget())

    def _text(
        self, path: str, label: str, value: Any, *, roomy: bool = False
    ) -> tuple[str, forms.Field]:
        self.was[path] = value
        written = str(value or "")
        is_long = roomy or len(written) > _LONG or "\n" in written
        rows = min(12, max(2, written.count("\n") + len(written) // _LONG + 1))
        roomy_widget = UnfoldAdminTextareaWidget({"rows": rows})
        widget = roomy_widget if is_long else UnfoldAdminTextInputWidget()
        return path, forms.CharField(required=False, label=label, widget=widget)

    def _told(self, path: str) -> Any:
        value = self.was.get(path)
        return "on" if value is True else value


def _steps(draft: dict[str, Any]) -> list[dict[str, Any]]:
    steps = draft["agent"].get("steps")
    found = steps if isinstance(steps, list) else []
    return [step if isinstance(step, dict) else {} for step in found]


def _action(step: dict[str, Any]) -> actions.Action | None:
    name = step.get("action")
    known = isinstance(name, str) and name in actions.registry
    return actions.registry.get(str(name)) if known else None


def _choice(label: str, choices: list[tuple[str, str]]) -> forms.Field:
    widget = UnfoldAdminSelectWidget()
    return forms.ChoiceField(label=label, choices=choices, widget=widget, required=False)


def _event_names(now: Any) -> list[tuple[str, str]]:
    """Registered types, and the draft's own where it is none of them; nothing is chosen where there is none."""
    kinds = (event_types.registry.get(name) for name in event_types.registry)
    known = [(kind.name, f"{kind.label} ({kind.name})") for kind in kinds if not kind.told_to]
    if isinstance(now, str) and now and now not in dict(known):
        meant = closest(now, dict(known))
        return [(now, f"{now} (did you mean {meant}?)" if meant else now), *known]
    return known if now else [("", "Choose"), *known]


def _put(draft: dict[str, Any], path: str, value: Any) -> None:
    parts = [int(index) if index else name for name, index in _PART.findall(path)]
    inner: Any = draft
    for part in parts[:-1]:
        inner = inner.setdefault(part, {}) if isinstance(part, str) else inner[part]
    inner[parts[-1]] = value
