"""One line per request, without what an address may hold."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from rest_framework.test import APIClient

from config.lib.request_log import NoProbes

pytestmark = pytest.mark.django_db


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    said = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in said if line.get("event") == "request_finished"]


def test_a_request_is_told_once_with_its_route(
    api: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    api.get("/api/v1/contacts?search=CANARY", HTTP_X_REQUEST_ID="mine-1")
    (line,) = lines(caplog)
    assert (line["request"], line["code"]) == ("GET /api/v1/contacts", 200)
    assert isinstance(line["ms"], float)


def test_addresses_that_nobody_knows_stay_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    Client().get("/nowhere/CANARY/", query_params={"token": "CANARY"})
    assert lines(caplog)[0]["request"] == "GET (no such address)"
    assert "CANARY" not in "".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("code, is_told", [(200, False), (503, True)])
def test_probes_are_told_where_they_fail(code: int, is_told: bool) -> None:
    said = {"event": "request_finished", "request": "GET /readyz", "code": code}
    record = logging.LogRecord("x", logging.INFO, "x", 1, said, None, None)
    assert NoProbes().filter(record) is is_told


def test_a_route_reads_like_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Client().get("/forms/nobody/")
    assert lines(caplog)[0]["request"] == "GET /forms/<public_id>/"
