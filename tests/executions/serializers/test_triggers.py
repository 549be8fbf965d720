"""What the API's description says of a trigger is what its readers take."""

from __future__ import annotations

import pytest
from rest_framework import serializers

from executions.serializers.triggers import TriggerSerializer
from triggers.plain_fields import READERS, Fault

NUMBERS = {
    name: field
    for name, field in TriggerSerializer().fields.items()
    if isinstance(field, serializers.IntegerField) and name in READERS
}


@pytest.mark.parametrize("name", NUMBERS)
def test_ranges_are_those_that_are_described(name: str) -> None:
    least, most = NUMBERS[name].min_value, NUMBERS[name].max_value
    assert isinstance(least, int)
    assert isinstance(most, int)
    for right in (least, most):
        assert READERS[name](right) == right
    for wrong in (least - 1, most + 1):
        with pytest.raises(Fault):
            READERS[name](wrong)


def test_every_number_of_a_trigger_is_looked_at() -> None:
    assert set(NUMBERS) == {
        *("max_concurrent", "cooldown_seconds", "max_age_seconds"),
        *("max_executions_per_hour", "failure_threshold"),
    }
