from __future__ import annotations

import pytest

from tests.triggers.webhook_types import asking
from triggers import webhook_types

CONFIG = {"secret": "a secret of some length"}


def test_scheme() -> None:
    asking.check_scheme("generic", CONFIG, "another secret")
    asking.check_covers_body("generic", CONFIG)
    asking.check_hostile_bodies("generic")


def test_the_name_of_the_header_is_the_workspace_s_choice() -> None:
    config = {**CONFIG, "signature_header": "X-Acme-Sign"}
    headers = webhook_types.find("generic").sign(b"{}", config, now=0)
    assert list(headers) == ["X-Acme-Sign"]
    assert asking.is_verified("generic", asking.request(b"{}", headers), config)
    assert not asking.is_verified("generic", asking.request(b"{}", headers), CONFIG)


@pytest.mark.parametrize(
    "config, field",
    [
        ({}, "secret"),
        ({"unsigned": False}, "secret"),
        ({"unsigned": True, "secret": "x"}, "unsigned"),
    ],
)
def test_without_a_secret_it_must_be_said(config: dict[str, object], field: str) -> None:
    assert list(webhook_types.find("generic").problems(config)) == [field]


def test_unsigned_takes_anybody_where_it_is_said() -> None:
    assert asking.is_verified("generic", asking.request(b"{}", {}), {"unsigned": True})
    for said in (False, None, "true", 1):
        assert not asking.is_verified("generic", asking.request(b"{}", {}), {"unsigned": said})
