from __future__ import annotations

import pytest
from django.core import checks
from pytest_django import Settings


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("ALLOWED_HOSTS", ["*"], "triggerfish.E001"),
        ("FIELD_KEYS", ["not a key"], "triggerfish.E002"),
        ("UNSIGNED_DAILY_SHARE", 1.5, "triggerfish.E003"),
        ("METRICS_ALLOW", ["10.0.0.0/8", "my host"], "triggerfish.E004"),
        ("FILE_WATCH_ROOTS", ["/srv/files", "inbox"], "triggerfish.E006"),
    ],
)
def test_what_would_be_unsafe_is_refused(
    settings: Settings, name: str, value: object, code: str
) -> None:
    setattr(settings, name, value)
    assert code in {message.id for message in checks.run_checks(tags=[checks.Tags.security])}


def test_ours_pass(settings: Settings) -> None:
    ours = [
        m
        for m in checks.run_checks(tags=[checks.Tags.security])
        if (m.id or "").startswith("triggerfish")
    ]
    assert ours == []
