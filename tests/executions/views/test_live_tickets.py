"""Tickets for the websocket, over REST."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from crm.models import Workspace
from executions import seats
from tests.conftest import MakeClient, MakeMember


def test_a_ticket_is_a_seat_in_the_workspace(acme: Workspace, api: APIClient) -> None:
    answer = api.post("/api/v1/live-tickets")
    assert answer.status_code == 201
    assert answer.json()["expires_in"] == 60
    seat = seats.take(session_key="", query={"ticket": answer.json()["ticket"]})
    assert seat.workspace_id == acme.pk
    assert seat.token_id is not None


def test_a_ticket_needs_a_login_and_the_scope_read(
    client_of: MakeClient, member: MakeMember
) -> None:
    assert APIClient().post("/api/v1/live-tickets").status_code == 401
    assert client_of(member("bob"), scopes=["run"]).post("/api/v1/live-tickets").status_code == 403


def test_a_ticket_falls_with_its_token(acme: Workspace, api: APIClient) -> None:
    ticket = api.post("/api/v1/live-tickets").json()["ticket"]
    acme.tokens.all().delete()
    with pytest.raises(seats.Refused) as refused:
        seats.take(session_key="", query={"ticket": ticket})
    assert refused.value.code == seats.UNAUTHENTICATED
