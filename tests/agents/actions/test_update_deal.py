"""Changing a deal."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from agents.actions import ActionFailed
from crm.models import Opportunity, Workspace
from tests.agents.scenes import perform, problems, scene
from triggers.models import Event


@pytest.fixture
def deal(acme: Workspace) -> Opportunity:
    return Opportunity.objects.create(workspace=acme, name="Roof", value=5000, stage="Lead")


def test_changes_the_deal_of_the_event_and_the_crm_tells_it(
    acme: Workspace, deal: Opportunity
) -> None:
    output = perform(
        "update_deal",
        scene(acme, deal={"id": str(deal.pk)}),
        stage="closed won",
        value=15000.5,
        currency="eur",
        close_date="2026-11-03",
        custom={"source": "web"},
    )
    deal.refresh_from_db()
    assert (deal.stage, deal.value, deal.currency) == ("Closed Won", Decimal("15000.50"), "EUR")
    assert (deal.close_date, deal.custom) == (dt.date(2026, 11, 3), {"source": "web"})
    assert output["changes"]["stage"] == ["Lead", "Closed Won"]
    moved = Event.objects.get(type="deal_stage_updated")
    assert (moved.payload["previous_stage"], moved.payload["new_stage"]) == ("Lead", "Closed Won")


@pytest.mark.parametrize(
    "params, message",
    [
        ({"stage": "Closed Wonn"}, "Did you mean 'Closed Won'"),
        ({"stage": ""}, "is no stage"),
        ({"value": "a lot"}, "value: .*decimal"),
        ({"value": 10**20}, "value: "),
        ({"currency": "Euro"}, "three letters"),
        ({"close_date": "soon"}, "close_date: "),
        ({"name": ""}, "name is empty"),
    ],
)
def test_what_does_not_fit_fails_in_words(
    acme: Workspace, deal: Opportunity, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ActionFailed, match=message):
        perform("update_deal", scene(acme, deal={"id": str(deal.pk)}), **params)


def test_a_deal_of_another_workspace_does_not_exist(acme: Workspace, other: Workspace) -> None:
    theirs = Opportunity.objects.create(workspace=other, name="Theirs", stage="Lead")
    with pytest.raises(ActionFailed, match="There is no deal"):
        perform("update_deal", scene(acme), deal_id=str(theirs.pk), stage="Qualified")


def test_the_stage_is_checked_on_save(acme: Workspace) -> None:
    assert "stage" in problems("update_deal", acme, stage="Nowhere")
    assert "" in problems("update_deal", acme)
    assert not problems("update_deal", acme, stage="qualified")
    assert not problems("update_deal", acme, stage="@inputs.stage")
