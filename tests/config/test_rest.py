"""The floor of the REST API: one shape of lists and errors, whatever is sent."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from config.lib.rest import answer_error
from crm.models import Contact, Workspace

JSON = "application/json"
CONTACTS = "/api/v1/contacts"
DEEP = b'{"custom": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}"


def assert_error(response: Any, status: int, code: str = "") -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == JSON
    body: dict[str, Any] = response.json()
    assert set(body) == {"error_code", "error_message", "details", "timestamp", "request_id"}
    assert body["timestamp"].endswith("Z")
    assert body["request_id"] == response["X-Request-ID"]
    assert body["error_message"]
    if code:
        assert body["error_code"] == code
    return body


BAD_BODIES = [
    pytest.param(b'{"email": ', 400, "invalid_json", "position", id="cut off"),
    pytest.param(b"", 400, "invalid", "non_field_errors", id="empty"),
    pytest.param(b"[]", 400, "invalid", "body", id="a list"),
    pytest.param(b"null", 400, "invalid", "body", id="null"),
    pytest.param(b'"text"', 400, "invalid", "body", id="a text"),
    pytest.param(b'{"email": NaN}', 400, "invalid_json", "position", id="NaN"),
    pytest.param(
        b'{"email": "a@b.ch", "email": "c@d.ch"}', 400, "invalid_json", "position", id="a key twice"
    ),
    pytest.param(b'{"first_name": "a\\u0000b"}', 400, "invalid_json", "position", id="NUL"),
    pytest.param(
        b'{"first_name": "\\ud800"}', 400, "invalid_json", "position", id="lone surrogate"
    ),
    pytest.param(b'{"first_name": "\xff"}', 400, "invalid_json", "position", id="not UTF-8"),
    pytest.param(DEEP, 400, "invalid_json", "position", id="deep"),
    pytest.param(b'{"custom": {"a": [[[[[[1]]]]]]}}', 400, "invalid", "custom", id="deep custom"),
    pytest.param(b'{"custom": []}', 400, "invalid", "custom", id="custom is a list"),
    pytest.param(
        b'{"custom": {"a": "' + b"x" * 17_000 + b'"}}', 400, "invalid", "custom", id="large custom"
    ),
    pytest.param(b'{"email": "nonsense"}', 400, "invalid", "email", id="no e-mail address"),
    pytest.param(b'{"first_name": {"a": 1}}', 400, "invalid", "first_name", id="object for text"),
    pytest.param(
        b'{"first_name": "' + b"x" * 151 + b'"}', 400, "invalid", "first_name", id="long name"
    ),
    pytest.param(
        b'{"first_name": "Ann", "owner": 99999999}', 400, "invalid", "owner", id="no such owner"
    ),
    pytest.param(
        b'{"first_name": "Ann", "owner": 1e30}', 400, "invalid", "owner", id="owner out of range"
    ),
    pytest.param(
        b'{"first_name": "Ann", "owner": true}', 400, "invalid", "owner", id="owner is a boolean"
    ),
    pytest.param(
        b'{"first_name": "' + b"x" * 1_100_000 + b'"}', 413, "too_large", "", id="over 1 MiB"
    ),
]


@pytest.mark.parametrize("body, status, code, detail", BAD_BODIES)
def test_a_bad_body_is_answered_clearly(
    api: APIClient, body: bytes, status: int, code: str, detail: str
) -> None:
    error = assert_error(api.post(CONTACTS, body, content_type=JSON), status, code)
    assert not detail or detail in error["details"]
    assert Contact.objects.count() == 0
    assert (
        api.post(CONTACTS, {"email": "ann@example.org"}).status_code == 201
    )  # and the next one is served


@pytest.mark.parametrize(
    "query, detail",
    [
        ("page=0", "page"), ("page=-1", "page"), ("page=x", "page"), ("page=2", "page"),
        ("page=99999999999999999999", "page"),
        ("page=%C2%B2", "page"), ("page_size=0", "page_size"), ("page_size=201", "page_size"),
        ("page_size=1_0", "page_size"),
        ("sort_by=password", "sort_by"), ("sort_by=owner__password", "sort_by"), ("sort_order=up", "sort_order"),
        ("owner=x", "owner"), ("owner=99999999999999999999", "owner"), ("since=yesterday", "since"),
        ("email=%00", "email"), ("search=%00", "search"), ("search=" + "a" * 201, "search"),
    ],
)  # fmt: skip
def test_a_bad_query_names_the_parameter(api: APIClient, query: str, detail: str) -> None:
    assert detail in assert_error(api.get(f"{CONTACTS}?{query}"), 400, "invalid")["details"]


def test_other_refusals_have_the_same_shape(api: APIClient, db: None) -> None:
    anonymous = assert_error(APIClient().get(CONTACTS), 401, "not_authenticated")
    assert anonymous["error_message"]
    assert APIClient().get(CONTACTS)["WWW-Authenticate"].startswith("Bearer")
    assert_error(api.get(f"{CONTACTS}/0190b6a0-0000-7000-8000-000000000000"), 404, "not_found")
    assert_error(api.get(f"{CONTACTS}/nonsense"), 404, "not_found")
    assert_error(
        api.post(f"{CONTACTS}/0190b6a0-0000-7000-8000-000000000000", {}), 405, "method_not_allowed"
    )
    assert_error(api.post(CONTACTS, "<a/>", content_type="text/xml"), 415, "unsupported_media_type")
    assert_error(api.options(CONTACTS), 405, "method_not_allowed")


def test_a_list_is_paged_and_sorted(api: APIClient, acme: Workspace) -> None:
    for name in ("Cleo", "Ann", "Bob"):
        Contact.objects.create(workspace=acme, first_name=name)
    page = api.get(f"{CONTACTS}?page=1&page_size=2&sort_by=first_name&sort_order=asc").json()
    assert [row["first_name"] for row in page.pop("results")] == ["Ann", "Bob"]
    assert page == {
        "total_count": 3,
        "page": 1,
        "page_size": 2,
        "has_next": True,
        "has_previous": False,
    }
    last = api.get(f"{CONTACTS}?page=2&page_size=2&sort_by=first_name&sort_order=asc").json()
    assert (
        [row["first_name"] for row in last["results"]],
        last["has_next"],
        last["has_previous"],
    ) == (["Cleo"], False, True)
    newest_first = api.get(CONTACTS).json()["results"]
    assert [row["first_name"] for row in newest_first] == ["Bob", "Ann", "Cleo"]
    assert newest_first[0]["created_at"].endswith("Z")
    assert (
        api.get(f"{CONTACTS}?sort_by=executed_at").status_code == 200
    )  # the older name of created_at


def test_a_taken_value_is_a_conflict_with_the_sentence_of_its_constraint(acme: Workspace) -> None:
    Contact.objects.create(workspace=acme, email="ann@example.org")
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        Contact.objects.create(workspace=acme, email="ANN@example.org")
    response = answer_error(caught.value, {"request": None})
    assert response is not None
    assert response.status_code == 409
    assert response.data["error_code"] == "conflict"
    assert response.data["details"] == {
        "email": ["A contact with this e-mail address exists already."]
    }


def test_a_bug_is_not_dressed_up(db: None) -> None:
    assert answer_error(RuntimeError("bug"), {"request": None}) is None
