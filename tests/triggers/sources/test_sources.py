"""What all sources have in common."""

from __future__ import annotations

import pytest

from triggers import sources
from triggers.models import Trigger, TriggerType


def test_every_trigger_type_has_its_source() -> None:
    assert set(TriggerType.values) <= set(sources.registry)


@pytest.mark.parametrize("name", sources.registry.names())
def test_a_form_can_be_made_of_each(name: str) -> None:
    schema = sources.find(name).config_schema
    assert schema["type"] == "object"
    assert all("title" in field for field in schema["properties"].values())


def test_a_type_that_nobody_knows_is_described_by_its_name() -> None:
    assert sources.describe(Trigger(trigger_type="gone")) == "gone"
    assert sources.describe(Trigger(trigger_type="event", config={}), "a.b") == "event: a.b"
