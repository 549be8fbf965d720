"""What happened, in plain words: the sentence under a run's title, and conditions as people say them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from executions import waiting
from executions.models import Execution, Reason, Status, Verdict
from executions.models.reason import own_reasons
from triggers import operators

WHY_SKIPPED = {
    Reason.AGENT_PAUSED: "The agent was paused. Activate it, then replay this run.",
    Reason.AGENT_NOT_LIVE: "The agent was not Live. Activate it, then replay this run.",
    Reason.TRIGGER_DISABLED: "The trigger was switched off or deleted.",
    Reason.TRIGGER_ERROR: "The trigger was stopped by too many failures. Mend the cause, then resume it.",
    Reason.CONDITION_FALSE: "The trigger's conditions were not met.",
    Reason.CONDITION_ERROR: "The trigger's conditions could not be judged with what this event holds.",
    Reason.COOLDOWN: "The trigger had fired a moment ago and was cooling down.",
    Reason.DAILY_LIMIT: "The agent had reached its limit for the day.",
    Reason.LOOP_GUARD: "This would have run in a circle, so it was stopped.",
    Reason.OVERLAP: "The run before it was still going.",
    Reason.EXPIRED: "It had waited longer than the trigger allows.",
    Reason.REJECTED: "A person rejected it.",
}
SO_FAR = {
    Status.QUEUED: "Waits for a free place.",
    Status.RUNNING: "Is at work now.",
    Status.RETRYING: "Failed for the moment and will be tried again.",
    Status.WAITING_APPROVAL: "Waits for a person to approve it.",
    Status.COMPLETED: "Did everything that it was asked to do.",
    Status.FAILED: "Could not finish.",
    Status.TIMED_OUT: "Took longer than it may and was stopped.",
    Status.CANCELLED: "Was cancelled.",
    Status.INTERRUPTED: "It was stopped inside a step; nobody can know whether that step happened. A person decides.",
}


def in_short(execution: Execution) -> str:
    """One or two sentences: what became of it and why."""
    if execution.status == Status.SKIPPED:
        return _why_skipped(execution)
    if execution.status == Status.WAITING_APPROVAL and execution.verdict == Verdict.PENDING:
        return (
            "A model is not sure whether its conditions are met. A person decides whether it runs."
        )
    if execution.status == Status.QUEUED and (waits := _why_queued(execution)):
        return waits
    if execution.cancel_requested and execution.status == Status.RUNNING:
        return "Has been asked to stop."
    return SO_FAR[Status(execution.status)]


def _why_queued(execution: Execution) -> str:
    if execution.verdict == Verdict.PENDING:
        return waiting.why_undecided(execution)
    if execution.held_for:
        return f"{execution.error_message} It goes on by itself when the host answers again."
    if execution.reason == Reason.BUDGET:
        return f"{execution.error_message} It goes on by itself."
    if execution.run_at:
        return "Waits until its moment comes, then goes on."
    if execution.workspace.paused:
        return "Waits, because everything in this workspace is paused."
    return ""


def why(reason: str) -> str:
    """What a reason means, as a sentence; of a gate of this installation, as that says."""
    if reason in own_reasons:
        return own_reasons.get(reason).sentence
    known = WHY_SKIPPED.get(Reason(reason)) if reason in Reason.values else None
    return known or "It was skipped."


def _why_skipped(execution: Execution) -> str:
    sentence = why(execution.reason)
    note = execution.error_message.strip()
    if (
        note and execution.reason == Reason.DAILY_LIMIT
    ):  # a share of the day was used up, not the day
        return f"{note} Replay it if it was no spam: a replay counts on the whole day."
    return f"{sentence} {_sentence(note)}" if note else sentence


def _sentence(text: str) -> str:
    """`the cooldown is 5 s` -> `The cooldown is 5 s.`"""
    return text[:1].upper() + text[1:] + ("" if text[-1:] in ".!?" else ".")


@dataclass(slots=True)
class Seen:
    """A group of conditions (`logic` AND, OR, NOT; empty where it is not known any more) or one leaf of the trace."""

    logic: str = ""
    members: list[Seen] = field(default_factory=list)
    leaf: dict[str, Any] | None = None

    @property
    def said(self) -> str:
        return {"AND": "All of these", "OR": "Any of these", "NOT": "Not this"}.get(
            self.logic, "These"
        )


_PART = re.compile(r"(rules|conditions)\[(\d+)\]")


def conditions_seen(trace: list[dict[str, Any]], tree: Any) -> Seen | None:
    """The trace as a nested list. `tree`: the trigger's conditions now, which tell AND from OR while they still fit."""
    if not trace:
        return None
    known = tree if _fits(trace, tree) else None
    root = Seen(logic=_logic(known))
    groups: dict[str, Seen] = {"": root}
    for leaf in trace:
        group, node, walked = root, known, ""
        for key, index in _PART.findall(str(leaf.get("path", "")))[:-1]:
            walked += f"{key}[{index}]."
            node = _member(node, key, int(index))
            if walked not in groups:
                groups[walked] = Seen(logic=_logic(node))
                group.members.append(groups[walked])
            group = groups[walked]
        group.members.append(Seen(leaf=_readable(leaf)))
    return root


def _readable(leaf: dict[str, Any]) -> dict[str, Any]:
    name = str(leaf.get("operator", ""))
    if name == "llm":
        return {**leaf, "is_question": True, "told": _told_by_model(leaf)}
    known = operators.registry.get(name) if name in operators.registry else None
    return {
        **leaf,
        "said": known.label if known else name.replace("_", " "),
        "has_value": leaf.get("expected") is not None,
    }


def _told_by_model(leaf: dict[str, Any]) -> str:
    """What a model said about a condition in words, and how: `It asks. “cost”. 90 % sure; openai:gpt, 18 tokens.`"""
    confidence = leaf.get("confidence")
    if confidence is None and leaf.get("actual") is None:
        return str(leaf.get("note", ""))
    said = [str(leaf.get("note", "")), str(leaf.get("reason", ""))]
    if evidence := leaf.get("evidence"):
        said.append(f"“{evidence}”.")
    tokens = (leaf.get("input_tokens") or 0) + (leaf.get("output_tokens") or 0)
    cost = leaf.get("cost")
    how = [] if confidence is None else [f"{confidence:.0%} sure"]
    how.append(str(leaf.get("model", "")))
    how.append("from the cache" if leaf.get("from_cache") else f"{tokens:,} tokens")
    how += [f"${cost:.6f}".rstrip("0").rstrip(".")] if cost else []
    return " ".join(filter(None, [*said, f"({', '.join(how)})"]))


def _fits(trace: list[dict[str, Any]], tree: Any) -> bool:
    """Whether each leaf of the trace still stands where it stood."""
    for leaf in trace:
        node = tree
        for key, index in _PART.findall(str(leaf.get("path", ""))):
            node = _member(node, key, int(index))
        if not isinstance(node, dict) or node.get("field", "") != leaf.get("field"):
            return False
    return True


def _member(node: Any, key: str, index: int) -> Any:
    members = node.get(key) if isinstance(node, dict) else None
    return members[index] if isinstance(members, list) and index < len(members) else None


def _logic(node: Any) -> str:
    return str(node.get("logic", "AND")) if isinstance(node, dict) else ""
