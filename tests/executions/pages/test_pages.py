"""Every page: who gets to see it, and that nothing that is typed into an address breaks it."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from crm.models import Membership, Role, Workspace
from executions.models import Execution, Status
from tests.conftest import MakeMember
from tests.executions.pages.conftest import MakeWorld, World, make_event, make_execution

LISTS = ["/", "/executions/", "/events/", "/agents/"]


def details(world: World) -> list[str]:
    return [
        f"/executions/{world.execution.pk}/",
        f"/events/{world.event.pk}/",
        f"/contacts/{world.contact.pk}/",
        f"/deals/{world.deal.pk}/",
        f"/agents/{world.agent.pk}/",
    ]


def buttons(world: World) -> list[str]:
    execution, agent = f"/executions/{world.execution.pk}", f"/agents/{world.agent.pk}"
    return [
        f"{execution}/cancel/",
        f"{execution}/replay/",
        f"{agent}/activate/",
        f"{agent}/pause/",
        f"{agent}/run/",
    ]


def test_members_see_every_page(world: World, visitor: Client) -> None:
    for path in [*LISTS, *details(world)]:
        page = visitor.get(path)
        assert page.status_code == 200, path
        assert b"<html" in page.content
        fragment = visitor.get(path, {"fragment": "live"})
        assert fragment.status_code == 200, path
        assert b"<html" not in fragment.content


def test_what_people_typed_is_shown_as_text(world: World, visitor: Client) -> None:
    page = visitor.get(f"/executions/{world.execution.pk}/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;hi&lt;/b&gt;" in page


def test_strangers_are_asked_to_log_in(world: World) -> None:
    client = Client(headers={"accept": "text/html"})
    for path in [*LISTS, *details(world)]:
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/?next=")
    assert client.get("/?fragment=live").status_code == 401
    for path in buttons(world):
        assert client.post(path).status_code == 302
    assert Execution.objects.count() == 1


def test_other_workspaces_do_not_exist(
    other: Workspace, make_world: MakeWorld, visitor: Client
) -> None:
    foreign = make_world(other)
    for path in details(foreign):
        assert visitor.get(path).status_code == 404, path
    for path in buttons(foreign):
        assert visitor.post(path).status_code == 404, path
    for path in LISTS:
        assert b"Greeter" not in visitor.get(path).content


def test_viewers_look_and_do_not_touch(world: World, member: MakeMember) -> None:
    client = Client(headers={"accept": "text/html"})
    client.force_login(member("vic", role=Role.VIEWER))
    page = client.get(f"/agents/{world.agent.pk}/")
    assert page.status_code == 200
    assert b"Run now</button>" not in page.content
    for path in [*buttons(world), "/workspace/pause/"]:
        assert client.post(path).status_code == 403, path


def test_buttons_are_no_links(world: World, visitor: Client) -> None:
    for path in [*buttons(world), "/workspace/pause/", "/workspace/switch/"]:
        assert visitor.get(path).status_code == 405, path


def test_people_without_a_workspace_are_told_what_to_do(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("nobody"))
    answer = client.get("/")
    assert answer.status_code == 403
    assert b"You belong to no workspace yet" in answer.content


@pytest.mark.parametrize(
    "query",
    [
        "?before=x",
        "?agent=x&status=x",
        "?q=%00",
        "?q=" + "a" * 5000,
        "?type=%00&before=%00",
        "?fragment=other",
        "?status=%ff",
    ],
)
def test_odd_addresses_are_no_errors(query: str, world: World, visitor: Client) -> None:
    for path in LISTS:
        assert visitor.get(path + query).status_code == 200, path


def test_what_is_not_there_is_a_page_of_its_own(visitor: Client) -> None:
    answer = visitor.get(f"/executions/{uuid.uuid4()}/")
    assert answer.status_code == 404
    assert b"There is nothing at this address" in answer.content


def test_the_choice_of_a_workspace_is_kept(
    owner: User, other: Workspace, make_world: MakeWorld, visitor: Client
) -> None:
    make_world(other, name="Elsewhere")
    assert visitor.post("/workspace/switch/", {"workspace": "other"}).status_code == 404
    Membership.objects.create(workspace=other, user=owner, role=Role.VIEWER)
    assert visitor.post("/workspace/switch/", {"workspace": "other"}).status_code == 302
    assert b"Elsewhere" in visitor.get("/agents/").content


@pytest.mark.parametrize("path", ["/", "/executions/", "/events/"])
def test_more_rows_cost_no_more_queries(
    path: str, world: World, visitor: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        event = make_event(world.workspace, subject=f"contact:{world.contact.pk}")
        make_execution(event, world.trigger, status=Status.SKIPPED, reason="cooldown")
    with django_assert_max_num_queries(17):
        visitor.get(path)


def test_an_empty_workspace_says_how_to_begin(acme: Workspace, visitor: Client) -> None:
    """Nothing ran yet; that somebody logged in is already an event."""
    page = visitor.get("/").content.decode()
    assert "How to begin" in page
    assert "Make an agent" in page
