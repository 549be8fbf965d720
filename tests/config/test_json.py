"""JSON at the borders: what is refused and where, the forms of values, and what can be stored."""

from __future__ import annotations

import json as stdlib_json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.lib import json

NUL_ESCAPE = "\\u0000"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}, id="plain"),
        pytest.param('"\u00e9\U0001f41f"', "\u00e9\U0001f41f", id="text-beyond-ascii"),
        pytest.param(b'"\\ud83d\\udc1f"', "\U0001f41f", id="surrogate-pair"),
        pytest.param(b'{"a":":-)","b":"x\\":y"}', {"a": ":-)", "b": 'x":y'}, id="colons-in-text"),
        pytest.param(
            b'{"a":{"x":1},"b":{"x":1}}', {"a": {"x": 1}, "b": {"x": 1}}, id="same-key-apart"
        ),
        pytest.param(b'"\\\\u0000"', NUL_ESCAPE, id="escaped-backslash-before-u0000"),
        pytest.param(b"18446744073709551615", 2**64 - 1, id="largest-integer"),
        pytest.param(b"-9223372036854775808", -(2**63), id="smallest-integer"),
        pytest.param(b'"12345678901234567890123"', "12345678901234567890123", id="digits-in-text"),
        pytest.param(b"[" * 64 + b"]" * 64, None, id="depth-64"),
    ],
)
def test_loads(raw: bytes | str, expected: Any) -> None:
    value = json.loads(raw)
    if expected is not None:
        assert value == expected


@pytest.mark.parametrize(
    ("raw", "message", "position"),
    [
        pytest.param(b"", "empty", 0, id="empty"),
        pytest.param(b'{"a": }', "unexpected", 6, id="syntax"),
        pytest.param(b"[1] 2", "unexpected content", 4, id="trailing-text"),
        pytest.param(b"[NaN]", "unexpected", 1, id="nan"),
        pytest.param(b"-Infinity", "", 0, id="infinity"),
        pytest.param(b"[1e999]", "infinity", 1, id="overflow"),
        pytest.param(b'{"a": 1, "a": 2}', "Duplicate key 'a'", 9, id="duplicate"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', "Duplicate key 'a'", 9, id="duplicate-escaped"),
        pytest.param(b'[{"b":{"a":1,"a":2}}]', "Duplicate key 'a'", 13, id="duplicate-nested"),
        pytest.param(b'["x", "a\\u0000b"]', "NUL", 6, id="nul"),
        pytest.param(b'{"\\u0000": 1}', "NUL", 1, id="nul-in-key"),
        pytest.param(b'"\\\\\\u0000"', "NUL", 0, id="nul-after-a-backslash"),
        pytest.param(b'"a\x00"', "control", 2, id="raw-nul"),
        pytest.param(b'"\\ud800"', "surrogate", 1, id="lone-surrogate-escaped"),
        pytest.param('"\ud800"', "surrogate", 1, id="lone-surrogate"),
        pytest.param(b'"\xff"', "UTF-8", 0, id="not-utf-8"),
        pytest.param(b"[18446744073709551616]", "64 bits", 1, id="integer-past-64-bits"),
        pytest.param(b"9" * 300, "digits", 0, id="very-long-integer"),
        pytest.param(b"[0." + b"1" * 100 + b"]", "digits", 1, id="very-long-fraction"),
        pytest.param(b"[" * 65 + b"]" * 65, "deeper than 64", 64, id="depth-65"),
        pytest.param(
            b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64", 320, id="depth-65-objects"
        ),
        pytest.param(b"[" * 100_000, "", 1024, id="depth-of-an-attack"),
        pytest.param(b'"' + b"a" * 1024 * 1024 + b'"', "longer than", 1024 * 1024, id="too-large"),
    ],
)
def test_loads_refuses(raw: bytes | str, message: str, position: int) -> None:
    with pytest.raises(json.InvalidJSON) as caught:
        json.loads(raw)
    assert message.lower() in caught.value.message.lower()
    assert caught.value.position == position or message in {"UTF-8", ""}


def test_loads_limits_are_arguments() -> None:
    many = json.dumps({str(number): number for number in range(20)})
    assert len(json.loads(many, max_keys=20)) == 20
    for limit in ({"max_keys": 19}, {"max_bytes": 50}, {"max_depth": 0}):
        with pytest.raises(json.InvalidJSON):
            json.loads(many, **limit)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), children
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_loads_reads_what_dumps_and_others_write(value: Any) -> None:
    assert json.loads(json.dumps(value)) == value
    assert json.loads(stdlib_json.dumps(value)) == value


@given(st.binary() | st.text() | st.text(alphabet='{}[]":,\\u0019e.-a '))
def test_loads_raises_nothing_but_invalid_json(raw: bytes | str) -> None:
    with suppress(json.InvalidJSON):
        value = json.loads(raw)
        assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            datetime(2026, 11, 3, 9, 30, tzinfo=UTC), "2026-11-03T09:30:00.000000Z", id="utc"
        ),
        pytest.param(
            datetime(2026, 11, 3, 9, 30, 0, 5, tzinfo=timezone(timedelta(hours=2))),
            "2026-11-03T07:30:00.000005Z",
            id="zone",
        ),
        pytest.param(
            datetime(2026, 11, 3, 9, 30), "2026-11-03T09:30:00.000000Z", id="naive-is-utc"
        ),
        pytest.param(date(2026, 11, 3), "2026-11-03", id="date"),
        pytest.param(timedelta(seconds=90), 90.0, id="duration-in-seconds"),
        pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="uuid"),
        pytest.param(Decimal("10000.00"), 10000, id="whole-money"),
        pytest.param(Decimal("0.00"), 0, id="no-money"),
        pytest.param(Decimal("15000.50"), 15000.5, id="money"),
        pytest.param(Decimal("-0.10"), -0.1, id="debt"),
        pytest.param(Decimal("9999999999999.99"), 9999999999999.99, id="fifteen-digits"),
        pytest.param(Decimal("99999999999999.99"), "99999999999999.99", id="sixteen-digits"),
        pytest.param(Decimal("1." + "0" * 40 + "1"), "1." + "0" * 40 + "1", id="forty-digits"),
        pytest.param(Decimal("1E+400"), "1E+400", id="huge"),
        pytest.param(Decimal("1E-400"), "1E-400", id="tiny"),
        pytest.param(Decimal("NaN"), None, id="decimal-nan"),
        pytest.param(float("inf"), None, id="infinity"),
        pytest.param({"b", "a"}, ["a", "b"], id="set"),
        pytest.param((1, 2), [1, 2], id="tuple"),
    ],
)
def test_forms(value: Any, expected: Any) -> None:
    assert stdlib_json.loads(json.dumps({"value": value})) == {"value": expected}
    assert json.sanitise({"value": value}) == {"value": expected}
    assert json.sanitise({"value": value, "nul": "\x00"})["value"] == expected


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_are_exact_or_text(value: Decimal) -> None:
    written = json.number(value)
    assert Decimal(repr(written) if isinstance(written, float) else str(written)) == value


@pytest.mark.parametrize(
    "value, text",
    [
        pytest.param({"a": [10**300, True]}, b'{"a":[1e+300,true]}', id="a-float-back-from-jsonb"),
        pytest.param((-(10**20),), b"[-1e+20]", id="negative"),
        pytest.param([10**400], b"[null]", id="past-floats-too"),
    ],
)
def test_dumps_writes_whole_numbers_past_64_bits_as_floats(value: Any, text: bytes) -> None:
    assert json.dumps(value) == text


def test_dumps_refuses_what_has_no_form() -> None:
    with pytest.raises(TypeError):
        json.dumps({"value": object()})


class Broken:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("Ann\x00e", "Ann\ufffde", id="nul"),
        pytest.param("Ann\ud800e", "Ann\ufffde", id="lone-surrogate"),
        pytest.param({"a\x00": 1}, {"a\ufffd": 1}, id="nul-in-key"),
        pytest.param({1: "a", None: "b"}, {"1": "a", "None": "b"}, id="keys-become-text"),
        pytest.param([2**70], [str(2**70)], id="integer-past-64-bits"),
        pytest.param([2**70, float("nan")], [str(2**70), None], id="nan"),
        pytest.param([NUL_ESCAPE], [NUL_ESCAPE], id="text-that-looks-like-an-escape"),
        pytest.param([Broken()], ["<Broken>"], id="unknown"),
        pytest.param("\ud800", "\ufffd", id="top-level-text"),
    ],
)
def test_sanitise(value: Any, expected: Any) -> None:
    assert json.sanitise(value) == expected


def test_sanitise_copies() -> None:
    inner: list[int] = [1]
    copy = json.sanitise({"list": inner})
    inner.append(2)
    assert copy == {"list": [1]}


def test_sanitise_cuts_what_is_too_deep() -> None:
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]
    assert str(json.sanitise(deep)).count("[[") == json.MAX_DEPTH // 2
    circle: list[Any] = []
    circle += [circle, circle]
    assert "[truncated]" in str(json.sanitise(circle))


def test_sanitise_cuts_what_is_too_large() -> None:
    value = {"text": "\u00e9" * 50_000, "list": ["x" * 100] * 1000, "more": {"a": 1}}
    stored = json.sanitise(value, max_bytes=60_000)
    assert stored["text"].endswith(json.TRUNCATED) or json.TRUNCATED in stored
    assert len(json.dumps(stored)) < 70_000
    assert json.sanitise(["x" * 100] * 10, max_bytes=500)[-1] == json.TRUNCATED


anything = st.recursive(
    st.none()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals()
    | st.datetimes()
    | st.binary()
    | st.datetimes(timezones=st.just(timezone(timedelta(hours=14))))
    | st.uuids()
    | st.complex_numbers(),
    lambda children: (
        st.lists(children)
        | st.dictionaries(st.text() | st.integers() | st.none(), children)
        | st.tuples(children)
    ),
    max_leaves=10,
)


@given(anything)
def test_sanitise_never_raises_and_is_readable(value: Any) -> None:
    stored = json.sanitise(value)
    assert json.loads(json.dumps(stored)) == stored
    assert json.sanitise(stored) == stored


@given(
    st.lists(
        st.tuples(
            st.sampled_from(['"a"', '"b"', '"\\u0061"', '":"']),
            st.sampled_from([" ", ""]),
            st.sampled_from(['":"', '"\\":"', '" : "', "1", "{}", '{"a" :1}']),
        ),
        max_size=4,
    )
)
def test_no_duplicate_key_slips_through(pairs: list[tuple[str, str, str]]) -> None:
    raw = "{" + ",".join(f"{key}{space}:{value}" for key, space, value in pairs) + "}"
    keys = [stdlib_json.loads(key) for key, _, _ in pairs]
    try:
        json.loads(raw)
    except json.InvalidJSON:
        assert len(set(keys)) < len(keys)
    else:
        assert len(set(keys)) == len(keys)
