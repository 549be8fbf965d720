"""The button "Test connection" says what came of it, and leaves one row in the trail."""

from __future__ import annotations

import pytest
from django.test import Client

from agents.models import McpServer
from crm.models import Workspace
from executions.models import AuditEntry
from tests.agents.models import MakeProvider
from tests.agents.modelserver import Fault, ModelServer, Say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("reply", "said"),
    [(Say("Yes."), "It works"), (Fault.UNAUTHORISED, "It does not work")],
    ids=["answers", "refuses"],
)
def test_a_model_provider(
    ann: Client, brain: ModelServer, make_provider: MakeProvider, reply: Say | Fault, said: str
) -> None:
    brain.say(reply)
    row = make_provider()
    answer = ann.post(
        f"/admin/agents/modelprovider/{row.pk}/do/test/", {"model": "small"}, follow=True
    )
    assert answer.status_code == 200
    assert said in answer.text
    works = said == "It works"
    assert AuditEntry.objects.filter(target_id=str(row.pk), after={"ok": True}).exists() is works


def test_an_mcp_server_that_is_not_allowed(ann: Client, acme: Workspace) -> None:
    row = McpServer.objects.create(workspace=acme, name="w", transport="stdio", command="weather")
    answer = ann.post(f"/admin/agents/mcpserver/{row.pk}/do/test/", follow=True)
    assert answer.status_code == 200
    assert "It does not work" in answer.text
