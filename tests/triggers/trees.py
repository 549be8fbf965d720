"""Condition trees about a deal that was won, and whether they are met."""

from __future__ import annotations

from typing import Any

from triggers import conditions

BIG = {"field": "deal.value", "operator": "greater_than", "value": 10000}
WON = {"field": "deal.stage", "operator": "equals", "value": "Closed Won"}
NAMED = {"field": "contact.name", "operator": "exists"}
ASKED = {"type": "llm", "description": "Looks like a sales inquiry"}
DEAL = {"deal": {"value": 15000, "stage": "Closed Won"}, "contact": {"name": "Ann", "title": None}}
MET, NOT_MET = WON, {**WON, "value": "Lost"}
UNKNOWN = {"field": "deal.missing", "operator": "equals", "value": 1}
BROKEN = {**BIG, "field": "deal.stage"}


def rule(logic: str, *rules: Any) -> dict[str, Any]:
    return {"type": "rule", "logic": logic, "rules": list(rules)}


def combined(logic: str, *members: Any) -> dict[str, Any]:
    return {"type": "combined", "logic": logic, "conditions": list(members)}


def met(tree: Any, payload: Any = DEAL) -> bool | None:
    condition = conditions.parse(tree)
    traced, quick = (
        conditions.judge(condition, payload, with_trace=True),
        conditions.judge(condition, payload),
    )
    assert traced[:2] + traced[3:] == quick[:2] + quick[3:]
    return quick.met
