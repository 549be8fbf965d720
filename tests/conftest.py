"""What most tests begin with: two workspaces, people in them, and clients that hold a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework.test import APIClient

from config.lib import threads
from crm import tokens
from crm.models import SCOPES, Membership, Role, Workspace

pytest.register_assert_rewrite("tests.corpus.asking")
pytest_plugins = [
    "tests.stories",
    "tests.agents.models",
    "tests.agents.mcps",
    "tests.queues",
    "tests.folders",
    "tests.programs",
    "tests.order",
]

MakeMember = Callable[..., User]
MakeClient = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Django's own hasher takes the better part of a second for each user, on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_thread_keeps_a_connection() -> Iterator[None]:
    """Runs use threads with connections of their own; the test database can only go when those are closed."""
    yield
    threads.close()


@pytest.fixture
def acme(db: None) -> Workspace:
    return Workspace.objects.create(name="Acme", slug="acme")


@pytest.fixture
def other(db: None) -> Workspace:
    """Somebody else's workspace: nothing in it may ever be seen from `acme`."""
    return Workspace.objects.create(name="Other", slug="other")


@pytest.fixture
def member(acme: Workspace) -> MakeMember:
    """`member("bob", role=Role.VIEWER, workspace=acme)` makes a user who belongs to the workspace."""

    def make(name: str, *, role: str = Role.EDITOR, workspace: Workspace = acme) -> User:
        user = User.objects.create_user(
            name, email=f"{name}@example.org", password=f"{name}-password"
        )
        Membership.objects.create(workspace=workspace, user=user, role=role)
        return user

    return make


@pytest.fixture
def owner(member: MakeMember) -> User:
    return member("ann", role=Role.OWNER)


@pytest.fixture
def stranger(member: MakeMember, other: Workspace) -> User:
    """The owner of `other`, who has no business in `acme`."""
    return member("eve", role=Role.OWNER, workspace=other)


@pytest.fixture
def client_of(acme: Workspace) -> MakeClient:
    """`client_of(user, workspace=acme, scopes=["read"])` is an API client with a Bearer token."""

    def make(
        user: User, *, workspace: Workspace = acme, scopes: Sequence[str] = SCOPES
    ) -> APIClient:
        _, secret = tokens.issue(workspace, user=user, name="tests", scopes=list(scopes))
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return make


@pytest.fixture
def api(client_of: MakeClient, owner: User) -> APIClient:
    """The owner of `acme` with a token of every scope."""
    return client_of(owner)


@pytest.fixture
def foreign_api(client_of: MakeClient, stranger: User, other: Workspace) -> APIClient:
    """The owner of `other` with a token of every scope there."""
    return client_of(stranger, workspace=other)
