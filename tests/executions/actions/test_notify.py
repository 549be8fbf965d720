"""Showing a message to the people of the workspace."""

from __future__ import annotations

from typing import Any

import pytest

from agents.actions import ActionFailed, Effect, registry
from crm.models import Workspace
from executions import live
from tests.agents.scenes import perform, scene

ACME = Workspace(name="Acme", slug="acme")


@pytest.fixture
def pushed(monkeypatch: Any) -> list[tuple[Any, dict[str, Any]]]:
    found: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(
        live, "push", lambda workspace_id, notice: found.append((workspace_id, notice))
    )
    return found


def test_pushes_one_notice(pushed: list[tuple[Any, dict[str, Any]]]) -> None:
    where = scene(ACME)
    assert perform("notify", where, message="Roof is won", level="success") == {
        "message": "Roof is won"
    }
    ((workspace_id, notice),) = pushed
    assert workspace_id == ACME.pk
    assert (notice["type"], notice["level"], notice["message"]) == (
        "notice",
        "success",
        "Roof is won",
    )
    assert notice["execution_id"] == where.execution_id


def test_an_unknown_level_is_information_and_a_long_message_is_cut(pushed: list[Any]) -> None:
    perform("notify", scene(ACME), message="x" * 5000, level={"a": 1})
    notice = pushed[0][1]
    assert (notice["level"], len(notice["message"])) == ("info", 1000)


def test_nothing_to_say(pushed: list[Any]) -> None:
    with pytest.raises(ActionFailed, match="message is empty"):
        perform("notify", scene(ACME), message=" ")
    assert not pushed


def test_leaves_nothing_behind() -> None:
    assert registry.get("notify").effect == Effect.NONE
