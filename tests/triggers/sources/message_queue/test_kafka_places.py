"""Whether a topic is still the one that was read."""

from __future__ import annotations

import pytest

from triggers.sources.message_queue import kafka_places

ENDS = {"0": (0, 9), "1": (2, 9), "2": (0, 4)}
OFFSETS = {"0": 5, "1": 5, "2": 4}
KNOWN = {"0": "10", "1": "11", "2": "12"}


@pytest.mark.parametrize(
    ("offsets", "known", "found", "expected"),
    [
        (OFFSETS, KNOWN, KNOWN, set()),
        (OFFSETS, KNOWN, {"0": "20", "1": "21", "2": "22"}, {"0", "1", "2"}),
        (OFFSETS, KNOWN, {"0": "20"}, {"0", "1", "2"}),  # the others do not tell
        (OFFSETS, {"0": "10"}, {"0": "20", "1": "21"}, {"0", "1", "2"}),
        (OFFSETS, KNOWN, {"0": "20", "1": "11", "2": "12"}, {"0"}),  # it has lost messages there
        (OFFSETS, KNOWN, {}, set()),
        (OFFSETS, {}, KNOWN, set()),
        (OFFSETS | {"2": 5}, {}, {}, {"0", "1", "2"}),
        (OFFSETS | {"2": 5}, KNOWN, {"0": "10", "1": "11"}, {"2"}),
    ],
)
def test_what_is_read_from_its_beginning(
    offsets: dict[str, int], known: dict[str, str], found: dict[str, str], expected: set[str]
) -> None:
    assert kafka_places.changed(offsets, ENDS, known, found) == expected
