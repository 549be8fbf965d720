"""Who gets in, as whom, and how far."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from config.lib import actors
from crm import tokens
from crm.models import SCOPES, ApiToken, Role, Workspace
from tests.conftest import MakeClient, MakeMember

CONTACTS = "/api/v1/contacts"


def bearer(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_a_token_opens_its_own_workspace_until_it_is_revoked(acme: Workspace, owner: User) -> None:
    token, secret = tokens.issue(acme, user=owner, name="ci", scopes=["read"])
    assert bearer(secret).get(CONTACTS).status_code == 200
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert secret not in str(ApiToken.objects.values())
    assert tokens.revoke(token)
    assert not tokens.revoke(token)
    assert bearer(secret).get(CONTACTS).status_code == 401


def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(
    acme: Workspace, owner: User, member: MakeMember
) -> None:
    past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    expired = tokens.issue(acme, user=owner, name="old", scopes=["read"], expires_at=past)[1]
    left = member("bob")
    of_former_member = tokens.issue(acme, user=left, name="bob", scopes=["read"])[1]
    left.memberships.all().delete()
    retired = member("cleo")
    of_inactive = tokens.issue(acme, user=retired, name="cleo", scopes=["read"])[1]
    User.objects.filter(pk=retired.pk).update(is_active=False)
    answers = [
        bearer(secret).get(CONTACTS)
        for secret in (expired, of_former_member, of_inactive, "tf_unknown", "ü")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["error_message"] for answer in answers}) == 1


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YW5uOmFubg==", "nonsense", "Token abc"]
)
def test_a_header_that_is_no_token_is_not_overlooked(owner: User, header: str) -> None:
    client = APIClient(HTTP_AUTHORIZATION=header)
    client.force_login(owner)  # the cookie does not help
    assert client.get(CONTACTS).status_code == 401


@pytest.mark.parametrize(
    "role, allowed",
    [("owner", SCOPES), ("admin", SCOPES), ("editor", SCOPES[:4]), ("viewer", SCOPES[:1])],
)
def test_a_token_does_no_more_than_its_users_role(
    member: MakeMember, client_of: MakeClient, role: str, allowed: tuple[str, ...]
) -> None:
    client = client_of(member("bob", role=role))
    assert client.get(CONTACTS).status_code == 200
    assert client.post(CONTACTS, {"first_name": "Ann"}).status_code == (
        201 if "write" in allowed else 403
    )
    assert client.get("/api/v1/tokens").status_code == (200 if "admin" in allowed else 403)


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_opens_what_it_names(owner: User, client_of: MakeClient, scope: str) -> None:
    client = client_of(owner, scopes=[scope])
    opened = {
        "read": client.get(CONTACTS),
        "write": client.post(CONTACTS, {"first_name": "Ann"}),
        "admin": client.get("/api/v1/tokens"),
    }
    for needed, answer in opened.items():
        assert (answer.status_code == 403) == (needed != scope), needed


def test_a_session_needs_csrf_and_says_which_workspace(
    acme: Workspace, other: Workspace, owner: User, member: MakeMember
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.get(CONTACTS).status_code == 200  # the only workspace
    assert client.post(CONTACTS, "{}", content_type="application/json").status_code == 403
    other.memberships.create(user=owner, role=Role.VIEWER)
    assert client.get(CONTACTS).json()["error_code"] == "forbidden"  # which one?
    assert client.get(CONTACTS, headers={"X-Workspace": "other"}).status_code == 200
    unknown = client.get(CONTACTS, headers={"X-Workspace": "nowhere"})
    Workspace.objects.create(name="Foreign", slug="foreign")
    foreign = client.get(CONTACTS, headers={"X-Workspace": "foreign"})
    assert unknown.status_code == foreign.status_code == 403
    assert unknown.json()["error_message"] == foreign.json()["error_message"]
    assert "X-Workspace" in foreign.json()["error_message"]
    session = client.session
    session["workspace"] = "acme"
    session.save()
    assert client.get(CONTACTS).status_code == 200


def test_a_token_and_a_header_of_another_workspace_contradict(
    api: APIClient, other: Workspace
) -> None:
    assert api.get(CONTACTS, headers={"X-Workspace": "other"}).status_code == 403


def test_nobody_acts_after_the_request(api: APIClient) -> None:
    assert api.post(CONTACTS, {"first_name": "Ann"}).status_code == 201
    assert actors.current() == ""
