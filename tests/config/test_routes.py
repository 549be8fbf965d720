"""Every route of /api/v1, of every app, as it appears.

Nobody gets in without a token, nothing is done without its scope, nothing foreign is seen, nonsense breaks nothing.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from rest_framework.schemas.generators import EndpointEnumerator
from rest_framework.test import APIClient

from agents.models import Agent
from crm import access
from crm.models import SCOPES, Workspace
from executions import heartbeats
from tests.conftest import MakeClient
from tests.rows import make, our_models
from triggers.models import Trigger

OWNERS_OF_IDS: dict[str, type[models.Model]] = {"agent_id": Agent, "pipeline_id": Agent}
PLAIN_WORDS = {
    "trigger_type": "event",
    "webhook_type": "generic",
    "name": "wait",
}  # parameters that are no ids
HOSTILE: tuple[Any, ...] = (None, [], {}, "x" * 5000, -1, True, 1e300, [{}], {"a": {"b": [None]}})


class _AllEndpoints(EndpointEnumerator):
    def should_include_endpoint(self, path: str, callback: Any) -> bool:
        return path.startswith("/api/v1/") and hasattr(callback, "cls")


@dataclass(frozen=True)
class Route:
    path: str
    method: str
    view: Any  # an instance that knows its action

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def url(self, value: Any) -> str:
        """The address with `value` in place of each id."""
        return re.sub(r"{(\w+)}", lambda found: PLAIN_WORDS.get(found[1], str(value)), self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _routes() -> Iterator[Route]:
    for path, method, callback in _AllEndpoints().get_api_endpoints():
        view = callback.cls(**getattr(callback, "initkwargs", {}))
        view.action = getattr(callback, "actions", {}).get(method.lower())
        yield Route(path, method, view)


ROUTES = list(_routes())
WITH_IDS = [route for route in ROUTES if set(route.parameters) - set(PLAIN_WORDS)]
every_route = pytest.mark.parametrize("route", ROUTES, ids=str)


def call(client: APIClient, route: Route, *, value: Any, body: Any = None, query: str = "") -> Any:
    client.raise_request_exception = False
    send = getattr(client, route.method.lower())
    url = route.url(value) + query
    return (
        send(url)
        if route.method == "GET"
        else send(url, {} if body is None else body, format="json")
    )


@pytest.fixture(autouse=True)
def all_processes_are_there() -> None:
    """Health would say 503 without them, as it should."""
    heartbeats.tell("scheduler", "tick", "dispatch", "execute", "alone")


def assert_refused(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.content[:500]
    assert set(answer.json()) == {
        "error_code",
        "error_message",
        "details",
        "timestamp",
        "request_id",
    }


def test_the_walker_sees_the_routes() -> None:
    assert {"/api/v1/contacts", "/api/v1/contacts/{pk}", "/api/v1/workspace"} <= {
        route.path for route in ROUTES
    }


@every_route
def test_nobody_gets_in_without_a_token(db: None, route: Route) -> None:
    assert access.HasWorkspaceScope in route.view.permission_classes
    assert_refused(call(APIClient(), route, value=uuid.uuid4()), 401)


@every_route
def test_nothing_is_done_without_its_scope(
    owner: User, client_of: MakeClient, route: Route
) -> None:
    needed = access.scope_needed(route.view, method=route.method)
    assert needed in SCOPES
    others = client_of(owner, scopes=[scope for scope in SCOPES if scope != needed])
    assert_refused(call(others, route, value=uuid.uuid4()), 403)


@pytest.mark.parametrize("route", WITH_IDS, ids=str)
def test_nothing_foreign_is_seen(api: APIClient, other: Workspace, route: Route) -> None:
    foreign = make(_model_of(route), workspace=other)
    answer = call(api, route, value=foreign.pk)
    assert_refused(answer, 404)
    assert type(foreign)._default_manager.filter(pk=foreign.pk).exists()


@every_route
def test_nonsense_breaks_nothing(api: APIClient, acme: Workspace, route: Route) -> None:
    shape = getattr(route.view, "serializer_class", None)
    fields = list(shape().fields) if shape else []
    own = make(_model_of(route), workspace=acme).pk if route in WITH_IDS else uuid.uuid4()
    queries = ["?page=x&sort_by=%00", "?search=%00", "?page_size=-1&sort_order=up"]
    answers = [call(api, route, value=uuid.uuid4(), query=query) for query in queries]
    if route.method in {"POST", "PUT", "PATCH"}:
        names = fields or [
            "name",
            "inputs",
            "event",
            "conditions",
            "config",
            "endpoint",
            "data",
            "step",
        ]
        answers += [
            call(api, route, value=own, body=dict.fromkeys(names, value)) for value in HOSTILE
        ]
    for answer in answers:
        assert answer.status_code < 500, answer.content[:1000]


@pytest.mark.parametrize("route", [one for one in ROUTES if one.method == "PATCH"], ids=str)
def test_a_stale_change_is_refused_and_a_fresh_one_is_not(
    api: APIClient, acme: Workspace, route: Route
) -> None:
    url = route.url(make(_model_of(route), workspace=acme).pk if route in WITH_IDS else "")
    etag = api.get(url)["ETag"]
    assert_refused(api.patch(url, {}, headers={"If-Match": '"stale"'}), 412)
    answer = api.patch(url, {}, headers={"If-Match": etag})
    assert (answer.status_code, "ETag" in answer) == (200, True)


@pytest.mark.parametrize(
    "route",
    [one for one in ROUTES if one.view.action == "list" and not one.parameters],
    ids=str,
)
def test_a_longer_list_asks_no_more_often(
    api: APIClient, acme: Workspace, route: Route, django_assert_num_queries: Any
) -> None:
    model = route.view.queryset.model
    for _ in range(2):
        make(model, workspace=acme)
    api.get(route.path)  # the token is marked as used
    with CaptureQueriesContext(connection) as asked:
        few = api.get(route.path).json()["total_count"]
    for _ in range(5):
        make(model, workspace=acme)
    with django_assert_num_queries(len(asked)):
        answer = api.get(route.path).json()
    if model is not Trigger:  # each agent brings a trigger of its own
        assert answer["total_count"] >= few + 5


def _model_of(route: Route) -> type[models.Model]:
    """What the id in the address is an id of."""
    found: type[models.Model] = OWNERS_OF_IDS.get(route.parameters[0]) or route.view.queryset.model
    return found


def test_each_row_of_a_workspace_can_be_made(acme: Workspace) -> None:
    """Else the walker could not see that a new model is kept apart."""
    for model in our_models():
        assert make(model, workspace=acme).pk, model
