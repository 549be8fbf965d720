"""Each case goes to the real web server; whatever it is, a good request succeeds afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.corpus import asking, ground, reading, signing
from tests.corpus.ground import Server
from tests.corpus.reading import Case

pytestmark = (
    pytest.mark.django_db
)  # for its database to be made; what the tests read, another process wrote
CASES = reading.cases()
LEAST = 300


@pytest.fixture(scope="module")
def server(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    with django_db_blocker.unblock(), ground.running(tmp_path_factory.mktemp("web")) as server:
        yield server


@pytest.fixture(scope="module")
def before(server: Server) -> float:
    return asking.warm_up(server, CASES, large=True)


def test_there_are_enough() -> None:
    assert len(CASES) >= LEAST
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, server: Server, before: float) -> None:
    asking.ask(case, server)


def test_nothing_stays_in_memory(server: Server, before: float) -> None:
    grown = server.megabytes() - before
    assert grown < asking.MOST_GROWN


def test_the_log_holds_no_address_and_no_secret(server: Server) -> None:
    said = server.log.read_text(errors="replace")
    secrets = [*signing.SECRETS.values(), *(server.names[name] for name in signing.SECRETS)]
    secrets += [server.names[name] for name in ("owner", "form_token", "unsigned", "replaced")]
    assert [secret for secret in secrets if secret in said] == []
