"""What every connection to the database asks for."""

from __future__ import annotations

from django.conf import settings
from django.db import connection


def test_a_transaction_that_stands_still_is_ended(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setting::int FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'"
        )
        assert cursor.fetchone() == (settings.LEASE_SECONDS * 1000,)
