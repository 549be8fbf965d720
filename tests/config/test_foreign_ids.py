"""Every address of the system, asked with another workspace's ids: as if there were nothing there, and nothing changes.

The addresses are read from the URL resolver. A new one is covered by itself where its parameter is named as others are;
where nobody has said what its parameters are, the walk fails, and `_values` is the place to say it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import connection, models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from pytest_django import Settings
from rest_framework.test import APIClient

from agents.models import Agent
from crm.models import Contact, Form, Opportunity, Workspace
from executions.models import Alert, Execution
from executions.pages.mail import HEADER
from tests.rows import make, our_models
from triggers.models import Event, Trigger

METHODS = ("get", "post", "put", "patch", "delete")
NOT_THERE = 404, 405  # 405: nobody's row can be asked for by this method
FILES = "django.core.mail.backends.filebased.EmailBackend"

# What an id in an address or a query is an id of, by its name.
BY_NAME: dict[str, type[models.Model]] = {
    "agent_id": Agent, "pipeline_id": Agent, "trigger_id": Trigger, "event_id": Event, "root_id": Event,
    "contact_id": Contact, "opportunity_id": Opportunity, "form_id": Form, "owner": User, "user_id": User,
}  # fmt: skip
# Of a page, by the first word of its address.
BY_SECTION: dict[str, type[models.Model]] = {
    "executions": Execution, "events": Event, "contacts": Contact, "deals": Opportunity, "agents": Agent,
    "alerts": Alert, "triggers": Trigger,
}  # fmt: skip
# Addresses whose parameters are no ids of a workspace's rows, and why.
NO_IDS = {
    "form_page": "public: who knows the address may fill the form in",
    "form_thanks": "public, as the form",
    "form_webhook": "public: the address names the workspace, and a foreign form_id in the body has its own test",
    "set_password": "the key in the address belongs to an account",
    "trigger-of-type": "a word",
    "app_list": "a part of the admin, which shows what one may see",
}
_CATCH_ALL = r"admin/(?P<url>.*)$"
_GROUP = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    text: str  # as urls.py has it
    name: str
    callback: Any

    @property
    def parameters(self) -> list[str]:
        return [found[1] or found[2] for found in _GROUP.finditer(self.text)]

    @property
    def view(self) -> Any:
        """The REST view's class; None of a page."""
        return getattr(self.callback, "cls", None)

    def url(self, values: Mapping[str, Any]) -> str:
        plain = re.sub(r"\^|\$$|\\Z$", "", self.text)
        return "/" + _GROUP.sub(lambda found: str(values[found[1] or found[2]]), plain)

    def __str__(self) -> str:
        return self.text


def _walk(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[Route]:
    for one in patterns:
        text = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, text)
        else:
            yield Route(text, str(one.name or ""), one.callback)


ROUTES = list(_walk(get_resolver().url_patterns))
WITH_IDS = [
    route
    for route in ROUTES
    if route.parameters and route.name not in NO_IDS and route.text != _CATCH_ALL
]


def _values(route: Route, rows: Mapping[type[models.Model], Any], key: str) -> dict[str, Any]:
    """The parameters of a route, filled with the ids of these rows. KeyError where nobody said how."""
    return {
        name: key if name == "key" else rows[_model(route, name)].pk for name in route.parameters
    }


def _model(route: Route, parameter: str) -> type[models.Model]:
    section, *rest = route.text.replace("^", "").split("/")
    if parameter in BY_NAME:
        return BY_NAME[parameter]
    if section == "admin":
        return apps.get_model(rest[0], rest[1])
    if route.view is not None and parameter == "pk":
        found: type[models.Model] = route.view.queryset.model
        return found
    return BY_SECTION[section]


@dataclass
class Ground:
    api: APIClient
    browser: Client
    foreign: dict[type[models.Model], models.Model]
    own: dict[type[models.Model], models.Model]
    letter: str

    def client(self, route: Route) -> Client:
        return self.api if route.text.lstrip("^").startswith("api/") else self.browser

    def marks(self) -> set[str]:
        """The ids of the other workspace's rows: none of them may ever be read here."""
        return {str(row.pk) for row in self.foreign.values() if len(str(row.pk)) == 36}


@pytest.fixture
def ground(
    acme: Workspace, other: Workspace, owner: User, stranger: User, api: APIClient,
    tmp_path: Path, settings: Settings,
) -> Ground:  # fmt: skip
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FILES, str(tmp_path)
    EmailMessage("Secret", "plans", to=["x@example.org"], headers={HEADER: str(other.pk)}).send()
    (written,) = tmp_path.glob("*.log")
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    browser = Client(raise_request_exception=False, headers={"accept": "text/html"})
    browser.force_login(owner)
    api.raise_request_exception = False
    assert api.get("/api/v1/workspace").status_code == 200  # the token is marked as used
    foreign, own = (
        {model: make(model, workspace=workspace) for model in our_models()} | {User: user}
        for workspace, user in ((other, stranger), (acme, owner))
    )
    return Ground(api, browser, foreign, own, letter=f"{written.stem}-0")


def fingerprint() -> dict[str, str]:
    """What each table holds, but for the sessions."""
    tables = sorted(set(connection.introspection.table_names()) - {"django_session"})
    parts = " UNION ALL ".join(
        f"SELECT '{table}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(parts)
        return dict(cursor.fetchall())


def test_the_walker_sees_the_routes() -> None:
    found = {str(route) for route in WITH_IDS}
    assert {
        "executions/<uuid:pk>/cancel/",
        "admin/crm/contact/<path:object_id>/change/",
        "api/v1/triggers/<uuid:trigger_id>/executions",
    } <= found
    assert {route.name for route in ROUTES} >= NO_IDS.keys(), "a reason for a route that is gone"


PARTS = {"rest": "api/", "admin": "admin/", "pages": ""}


@pytest.mark.parametrize("part", PARTS)
def test_a_foreign_id_is_like_none(part: str, ground: Ground) -> None:
    """404, or what an id that nobody has answers; and not a row differs afterwards, not even of the trail."""
    before = fingerprint()
    wrong: list[str] = []
    for route in _of(part):
        wrong += _answers(route, ground)
        if (after := fingerprint()) != before:
            wrong.append(f"{route} changed {sorted(before.items() ^ after.items())}")
            before = after
    assert not wrong, "\n".join(wrong)


def _of(part: str) -> list[Route]:
    def part_of(route: Route) -> str:
        text = route.text.removeprefix("^")
        return next(name for name, start in PARTS.items() if text.startswith(start))

    found = [route for route in WITH_IDS if part_of(route) == part]
    assert len(found) >= 10
    return found


def _answers(route: Route, ground: Ground) -> Iterator[str]:
    """What is wrong with the answers of one route, each method asked."""
    nobody = {model: _Nobody(model) for model in ground.foreign}
    address = route.url(_values(route, ground.foreign, ground.letter))
    unknown = route.url(_values(route, nobody, "20200101-000000-1-0"))
    resolve(address)
    for method in METHODS:
        foreign, missing = (
            getattr(ground.client(route), method)(url, follow=True) for url in (address, unknown)
        )
        same = foreign.status_code == missing.status_code
        if not same or not (foreign.status_code in NOT_THERE or foreign.status_code == 403):
            yield f"{method} {route}: {foreign.status_code}, of nobody's id {missing.status_code}"


class _Nobody:
    """In place of a row that is not there."""

    def __init__(self, model: type[models.Model]) -> None:
        self.pk: Any = uuid.uuid4() if isinstance(model._meta.pk, models.UUIDField) else 2**30


def test_lists_and_pages_show_nothing_foreign(ground: Ground) -> None:
    """Each address without parameters, plain and, where the list has filters, asked for a foreign id."""
    marks, wrong = ground.marks(), []
    for route in ROUTES:
        if route.parameters or route.name == "logout":
            continue
        for query in _queries(route, ground.foreign):
            answer = ground.client(route).get(route.url({}) + query)
            seen = sorted(mark for mark in marks if mark in answer.text.replace(query, ""))
            if seen or answer.status_code == 500:
                wrong.append(f"{route}{query}: {answer.status_code} shows {seen}")
            if query and answer.json().get("results") != []:
                wrong.append(f"{route}{query}: is not empty")
    assert not wrong, "\n".join(wrong)


def _queries(route: Route, rows: Mapping[type[models.Model], models.Model]) -> list[str]:
    """Nothing, and each filter by an id with the id of a foreign row."""
    filters = getattr(route.view, "filters", {}) if "list" in _actions(route) else {}
    of_ids = [name for name in filters if name.endswith("_id") or name in BY_NAME]
    named = [name for name in of_ids if name != "target_id"]  # a text, of rows of any kind
    return ["", *(f"?{name}={rows[BY_NAME[name]].pk}" for name in named)]


def _actions(route: Route) -> list[str]:
    return list(getattr(route.callback, "actions", {}).values())


def test_a_foreign_id_in_a_body_is_named_as_unknown(ground: Ground) -> None:
    """New rows and changes of own rows, each field that refers to a row filled with a foreign one."""
    before, wrong, asked = fingerprint(), [], 0
    for route in ROUTES:
        for method, action in (("post", "create"), ("patch", "partial_update")):
            if action not in _actions(route) or not hasattr(route.view, "serializer_class"):
                continue
            url = route.url(_values(route, ground.own, ""))
            for name in _references(route.view):
                body = {name: str(ground.foreign[BY_NAME[name]].pk)}
                answer = getattr(ground.api, method)(url, body, format="json")
                asked += 1
                blamed = {BY_NAME.get(field) for field in answer.json().get("details", {})}
                if answer.status_code != 400 or BY_NAME[name] not in blamed:
                    wrong.append(f"{method} {route} {body}: {answer.status_code} {answer.text}")
    assert asked >= 10
    assert not wrong, "\n".join(wrong)
    assert fingerprint() == before


def _references(view: Any) -> list[str]:
    """The fields of a REST view that refer to a row and can be written."""
    fields = view.serializer_class().fields
    return [name for name in fields if name in BY_NAME and not fields[name].read_only]


def test_a_foreign_form_takes_no_answer_in_this_workspace(ground: Ground) -> None:
    before = fingerprint()
    body = {"form_id": str(ground.foreign[Form].pk), "email": "a@example.org"}
    url = "/api/workspaces/acme/webhooks/form-submitted"
    answer = APIClient().post(url, body, format="json")
    assert answer.status_code == 400
    assert fingerprint() == before


def test_their_own_people_find_them(ground: Ground, foreign_api: APIClient, stranger: User) -> None:
    """Else the walk would prove nothing: the addresses are those of rows that are there."""
    User.objects.filter(pk=stranger.pk).update(is_staff=True)
    ground.browser.force_login(stranger)
    ground.api, wrong = foreign_api, []
    for route in WITH_IDS:
        if route.text.startswith("admin/auth/user/"):
            continue  # accounts are the superusers'
        answer = ground.client(route).get(route.url(_values(route, ground.foreign, ground.letter)))
        if answer.status_code == 404 or answer.status_code >= 500:
            wrong.append(f"{route}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)
