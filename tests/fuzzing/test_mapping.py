"""Input mappings: what `check` lets pass, `resolve` can do with any event."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from config.lib import json
from tests.fuzzing.bounds import bounded
from tests.fuzzing.shapes import anything, texts
from triggers import mapping

PIECES = [
    *("$", "$$", ".", "..", "[", "]", "*", "[*]", "[0]", "[-1]", "[::2]", "[1:", ".0", ".data", ".items", "['a']"),
    *("[?@.a]", "[?", "(@.a == 1)", "&&", "||", "!", "[?length(@.a) > 1]", "[?match(@.a, '(a+)+$')]", "search", ","),
    *("'", '"', "\\", "\\u0000", "'\\ud800'", "count(", ")", "value(@..a)", "_", "-", "é", "\x00", "9" * 30, "1e5"),
]  # fmt: skip
paths = st.lists(st.sampled_from(PIECES) | texts, max_size=8).map(
    lambda parts: "$" + "".join(parts)
)
events = st.fixed_dictionaries(
    {"data": anything, "items": st.lists(anything, max_size=3)},
    optional={"a": anything, "0": anything},
)


@bounded(250)
@given(st.dictionaries(texts | st.just("x"), paths | anything, max_size=3) | anything, events)
def test_it_is_refused_or_resolved(given_mapping: Any, event: dict[str, Any]) -> None:
    if mapping.check(given_mapping):
        return
    found = mapping.resolve(event, mapping=given_mapping, defaults={"d": 1}, meta={"m": 2})
    assert set(found) <= {"m", "d", *(given_mapping or {})}
    assert json.loads(json.dumps(found)) is not None


@bounded(250)
@given(paths, events)
def test_a_path_is_refused_or_resolved(path: str, event: dict[str, Any]) -> None:
    if mapping.check({"x": path}):
        return
    found = mapping.resolve(event, mapping={"x": path}, defaults=None, meta={})
    assert len(json.dumps(found)) <= mapping.MAX_BYTES + 1000
