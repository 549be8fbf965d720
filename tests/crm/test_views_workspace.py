"""The workspace, its members and its tokens over REST."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from crm import retention
from crm.models import ApiToken, Opportunity, Role, Workspace
from tests.conftest import MakeClient, MakeMember
from triggers.models import Event

WORKSPACE = "/api/v1/workspace"
MEMBERS = "/api/v1/members"
TOKENS = "/api/v1/tokens"
STAGES = ["Lead", "Qualified", "Proposal", "Negotiation", "Closed Won", "Closed Lost"]


def test_deals_follow_a_renamed_stage_without_events(api: APIClient, acme: Workspace) -> None:
    deal = Opportunity.objects.create(workspace=acme, name="Deal", stage="Proposal")
    events = Event.objects.count()
    renamed = api.patch(WORKSPACE, {"stages": [*STAGES[:2], "Offer", *STAGES[3:]]})
    assert renamed.json()["stages"][2] == "Offer"
    deal.refresh_from_db()
    assert deal.stage == "Offer"
    assert (
        api.patch(WORKSPACE, {"rename_stages": {"Offer": "Quote"}}).json()["stages"][2] == "Quote"
    )
    deal.refresh_from_db()
    assert deal.stage == "Quote"
    assert Event.objects.count() == events


@pytest.mark.parametrize(
    "body, field",
    [
        ({"stages": ["Lead"]}, "stages"),  # there are deals in Proposal
        ({"stages": []}, "stages"),
        ({"stages": ["A", "a"]}, "stages"),
        ({"stages": "Lead"}, "stages"),
        ({"rename_stages": {"Nowhere": "X"}}, "rename_stages"),
        ({"rename_stages": {"Lead": "Proposal"}}, "rename_stages"),
        ({"rename_stages": {"Lead": " "}}, "rename_stages"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"slug": "a b"}, "slug"),
        ({"retention": {"payloads": 0}}, "retention"),
        ({"retention": {"payloads": "7"}}, "retention"),
        ({"retention": {"events": 7}}, "retention"),
        ({"retention": {"nothing": None}}, "retention"),
        ({"retention": [7]}, "retention"),
        ({"queue_limit": 0}, "queue_limit"),
        ({"budgets": {"max_tokens_per_day": 0}}, "budgets"),
        ({"budgets": {"max_tokens_per_day": 1.5}}, "budgets"),
        ({"budgets": {"max_tokens_per_day": True}}, "budgets"),
        ({"budgets": {"max_cost_per_day": "5"}}, "budgets"),
        ({"budgets": {"max_cost_per_day": 1e-9}}, "budgets"),
        ({"budgets": {"max_cost_per_day": 1e300}}, "budgets"),
        ({"budgets": {"max_cost_per_run": 5}}, "budgets"),
        ({"budgets": {"max_cost_per_run": None}}, "budgets"),
        ({"budgets": [5]}, "budgets"),
        ({"budgets": None}, "budgets"),
        ({"name": ""}, "name"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(
    api: APIClient, acme: Workspace, body: dict[str, object], field: str
) -> None:
    Opportunity.objects.create(workspace=acme, name="Deal", stage="Proposal")
    answer = api.patch(WORKSPACE, body)
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])
    acme.refresh_from_db()
    assert acme.stages == STAGES


def test_budgets_are_set_by_name_and_taken_away(api: APIClient, acme: Workspace) -> None:
    none = {"max_tokens_per_day": None, "max_cost_per_day": None}
    assert api.get(WORKSPACE).json()["budgets"] == none
    api.patch(WORKSPACE, {"budgets": {"max_tokens_per_day": 10**6}})
    both = api.patch(WORKSPACE, {"budgets": {"max_cost_per_day": 2.5}}).json()["budgets"]
    assert both == {"max_tokens_per_day": 10**6, "max_cost_per_day": 2.5}
    left = api.patch(WORKSPACE, {"budgets": {"max_tokens_per_day": None}}).json()["budgets"]
    assert left == none | {"max_cost_per_day": 2.5}
    acme.refresh_from_db()
    assert acme.budgets == {"max_cost_per_day": 2.5}


def test_a_slug_is_taken_once_and_moving_renames_nothing(
    api: APIClient, acme: Workspace, other: Workspace
) -> None:
    deal = Opportunity.objects.create(workspace=acme, name="Deal", stage="Lead")
    assert api.patch(WORKSPACE, {"slug": "other"}).status_code == 409
    assert api.patch(WORKSPACE, {"stages": STAGES[::-1], "paused": True}).json()["paused"] is True
    deal.refresh_from_db()
    assert deal.stage == "Lead"


def test_somebody_is_invited_and_chooses_a_password(
    api: APIClient, acme: Workspace, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        invited = api.post(
            MEMBERS, {"email": "New@Example.org", "role": "editor", "first_name": "Nora"}
        )
    assert invited.status_code == 201
    assert (invited.json()["name"], invited.json()["role"]) == ("Nora", "editor")
    assert api.post(MEMBERS, {"email": "new@example.org"}).status_code == 409
    user = User.objects.get(username="new@example.org")
    assert user.is_staff
    assert not user.has_usable_password()
    [message] = mail.outbox
    link = re.search(r"https?://[^/]+(/accounts/set-password/\S+)", str(message.body))
    assert link
    browser = Client()
    page = browser.get(link[1], follow=True)
    assert page.status_code == 200
    words = {"new_password1": "a-Quite-good-1", "new_password2": "a-Quite-good-1"}
    assert browser.post(page.redirect_chain[-1][0], words, follow=True).status_code == 200
    user.refresh_from_db()
    assert user.check_password("a-Quite-good-1")
    assert b"used or is too old" in Client().get(link[1]).content


def test_a_workspace_keeps_an_owner(
    api: APIClient, acme: Workspace, owner: User, member: MakeMember
) -> None:
    mine = f"{MEMBERS}/{acme.memberships.get(user=owner).pk}"
    assert api.patch(mine, {"role": "viewer"}).status_code == 400
    assert api.delete(mine).status_code == 400
    second = acme.memberships.get(user=member("bob", role=Role.OWNER))
    assert api.patch(f"{MEMBERS}/{second.pk}", {"role": "viewer"}).json()["role"] == "viewer"
    assert not User.objects.get(username="bob").is_staff


def test_who_is_removed_loses_tokens(
    api: APIClient, acme: Workspace, member: MakeMember, client_of: MakeClient
) -> None:
    bob = member("bob")
    client = client_of(bob)
    assert client.get(WORKSPACE).status_code == 200
    assert api.delete(f"{MEMBERS}/{acme.memberships.get(user=bob).pk}").status_code == 204
    assert client.get(WORKSPACE).status_code == 401
    assert ApiToken.objects.get(user=bob).revoked_at is not None


def test_only_owners_touch_owners(
    acme: Workspace, owner: User, member: MakeMember, client_of: MakeClient
) -> None:
    admin = client_of(member("adam", role=Role.ADMIN))
    bob = acme.memberships.get(user=member("bob"))
    assert admin.patch(f"{MEMBERS}/{bob.pk}", {"role": "owner"}).status_code == 400
    assert admin.patch(f"{MEMBERS}/{bob.pk}", {"role": "viewer"}).status_code == 200
    assert admin.delete(f"{MEMBERS}/{acme.memberships.get(user=owner).pk}").status_code == 403


def test_a_token_is_shown_once_and_gives_no_more_than_it_has(
    owner: User, client_of: MakeClient
) -> None:
    client = client_of(owner, scopes=["read", "admin"])
    refused = client.post(TOKENS, {"name": "more", "scopes": ["write"]})
    assert (refused.status_code, list(refused.json()["details"])) == (400, ["scopes"])
    made = client.post(TOKENS, {"name": "CI", "scopes": ["read"]}).json()
    assert made["token"].endswith(made["last4"])
    shown = client.get(f"{TOKENS}/{made['id']}").json()
    assert "token" not in shown
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {made['token']}").get(WORKSPACE).status_code == 200
    assert client.delete(f"{TOKENS}/{made['id']}").status_code == 204
    assert APIClient(HTTP_AUTHORIZATION=f"Bearer {made['token']}").get(WORKSPACE).status_code == 401
    assert client.post(TOKENS, {"name": "CI", "scopes": ["root"]}).status_code == 400
    assert (
        client.post(
            TOKENS, {"name": "CI", "scopes": ["read"], "expires_at": "2020-01-01"}
        ).status_code
        == 400
    )


def test_the_command_prints_a_token_and_nothing_else(
    acme: Workspace, owner: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("create_token", workspace="acme", user="ann", scopes="read,write")
    printed = capsys.readouterr().out
    assert re.fullmatch(r"tf_\S+\n", printed)
    assert (
        APIClient(HTTP_AUTHORIZATION=f"Bearer {printed.strip()}").get(WORKSPACE).status_code == 200
    )
    for options in (
        {"user": "nobody"},
        {"workspace": "nowhere"},
        {"scopes": "root"},
        {"scopes": ""},
    ):
        with pytest.raises(CommandError):
            call_command(
                "create_token", **{"workspace": "acme", "user": "ann", "scopes": "read", **options}
            )


def test_history_is_kept_as_long_as_the_workspace_says(api: APIClient, acme: Workspace) -> None:
    assert api.get(WORKSPACE).json()["retention"]["payloads"] == 7
    answer = api.patch(WORKSPACE, {"retention": {"executions": 60, "skipped": 5}})
    assert answer.json()["retention"] == {
        **dict.fromkeys(retention.NAMES, 60),
        "skipped": 5,
        "payloads": 7,
    }
    answer = api.patch(WORKSPACE, {"retention": {"executions": None, "payloads": 3}})
    acme.refresh_from_db()
    assert acme.retention == {"skipped": 5, "payloads": 3}
    assert answer.json()["retention"]["executions"] == 30


def test_a_period_that_does_not_fit_is_named(api: APIClient) -> None:
    answer = api.patch(WORKSPACE, {"retention": {"payloads": 0, "events": 1}})
    assert list(answer.json()["details"]["retention"]) == ["payloads", "events"]


def test_members_of_a_role(api: APIClient, member: MakeMember) -> None:
    member("bob", role=Role.VIEWER)
    found = api.get(f"{MEMBERS}?role=viewer").json()["results"]
    assert [one["username"] for one in found] == ["bob"]
    assert list(api.get(f"{MEMBERS}?role=boss").json()["details"]) == ["role"]
