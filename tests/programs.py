"""Another program at the same database: a connection that does not say that it is ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from crm import capture


def connect() -> psycopg.Connection[Any]:
    """In autocommit; `with program.transaction():` opens a transaction."""
    told = connection.settings_dict
    return psycopg.connect(
        dbname=told["NAME"],
        user=told["USER"] or None,
        password=told["PASSWORD"] or None,
        host=told["HOST"] or None,
        port=told["PORT"] or None,
        autocommit=True,
    )


@pytest.fixture
def program(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    with connect() as other:
        yield other


@pytest.fixture
def capturing(transactional_db: None) -> Iterator[None]:
    capture.switch_on()
    yield
    capture.switch_off()
