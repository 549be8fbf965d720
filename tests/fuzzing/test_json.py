"""config.lib.json against a slow reader of our own, on top of the standard library's."""

from __future__ import annotations

import json as stdlib_json
import math
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from config.lib import json
from tests.fuzzing.bounds import bounded
from tests.fuzzing.shapes import anything, storable

_PIECES = [
    *("{", "}", "[", "]", ",", ":", " ", "\n", '"', '"a"', '"a":', '"b":', '"\\u0061":', "null", "true"),
    *("NaN", "Infinity", "-Infinity", "0", "-0", "00", "1", "-", "1.5", "1e5", "1e400", "-1e400", "1E-400"),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "0.1" + "1" * 70, "9" * 65),
    *('"\\u0000"', '"\\\\u0000"', '"\\ud800"', '"\\ud83d\\udc1f"', '"\\x"', "'a'", "//", "\ufeff", "\x00", "é"),
]  # fmt: skip


class _Refused(Exception):
    pass


def _reference(raw: bytes) -> Any:
    """The value, by the rules in `config.lib.json`'s docstring; raises _Refused."""
    try:
        value = stdlib_json.loads(
            raw.decode(),
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_int=_whole,
            parse_float=_broken,
        )
    except (ValueError, RecursionError):
        raise _Refused from None
    _look_at(value, depth=0)
    return value


def _refuse(text: str) -> Any:
    raise _Refused


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise _Refused
    return dict(pairs)


def _whole(text: str) -> int:
    if len(text) > json.MAX_DIGITS or not -(2**63) <= int(text) < 2**64:
        raise _Refused
    return int(text)


def _broken(text: str) -> float:
    if len(text) > json.MAX_DIGITS or math.isinf(float(text)):
        raise _Refused
    return float(text)


def _look_at(value: Any, *, depth: int) -> None:
    if isinstance(value, str) and (
        "\x00" in value or any("\ud800" <= one <= "\udfff" for one in value)
    ):
        raise _Refused
    if isinstance(value, dict | list) and depth >= json.MAX_DEPTH:
        raise _Refused
    inside = [*value, *value.values()] if isinstance(value, dict) else value
    for one in inside if isinstance(value, dict | list) else []:
        _look_at(one, depth=depth + 1)


def _agree(raw: bytes) -> None:
    try:
        expected = _reference(raw)
    except _Refused:
        expected = _Refused
    try:
        found = json.loads(raw)
    except json.InvalidJSON as error:
        assert 0 <= error.position <= len(raw)
        found = _Refused
    assert stdlib_json.dumps(found, default=repr) == stdlib_json.dumps(expected, default=repr)


@bounded(500)
@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
@example('{"a":1,"\\u0061":1}')
@example("[" * 64 + "]" * 64)
@example("[" * 65 + "]" * 65)
def test_pieces_of_json_are_read_or_refused_alike(text: str) -> None:
    _agree(text.encode())


@bounded(250)
@given(anything, st.booleans(), st.data())
def test_changed_texts_are_read_or_refused_alike(
    value: Any, is_ascii: bool, data: st.DataObject
) -> None:
    raw = stdlib_json.dumps(value, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    place = data.draw(st.integers(0, len(raw)))
    length = data.draw(st.integers(0, 3))
    _agree(raw[:place] + data.draw(st.binary(max_size=2)) + raw[place + length :])


@bounded(200)
@given(st.binary(max_size=40))
def test_bytes_are_read_or_refused_alike(raw: bytes) -> None:
    _agree(raw)


@bounded(250)
@given(storable)
def test_what_can_be_stored_stays_as_it_is(value: Any) -> None:
    assert json.loads(json.dumps(value)) == value
    assert json.sanitise(value) == value


@bounded(250)
@given(
    anything | st.binary() | st.sets(st.integers()) | st.complex_numbers(),
    st.integers(0, 200),
    st.integers(0, 5),
)
def test_what_is_cleaned_can_be_stored(value: Any, most: int, depth: int) -> None:
    for cleaned in (
        json.sanitise(value),
        json.sanitise(value, max_bytes=most, max_depth=depth),
    ):
        raw = json.dumps(cleaned)
        assert json.loads(raw) == cleaned
        assert json.sanitise(cleaned) == cleaned
