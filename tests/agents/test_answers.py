"""What an answer over HTTP means: which status fails, what is tried again and when, and what is not told."""

from __future__ import annotations

import datetime as dt
import email.utils

import pytest

from agents import answers
from agents.actions import ActionFailed


@pytest.mark.parametrize(
    "status, wanted, fails, again",
    [
        (200, None, False, False),
        (204, None, False, False),
        (404, 404, False, False),
        (200, 201, True, False),
        (400, None, True, False),
        (404, None, True, False),
        (429, None, True, True),
        (500, None, True, True),
        (503, None, True, True),
        (599, None, True, True),
    ],
)
def test_statuses(status: int, wanted: int | None, fails: bool, again: bool) -> None:
    answer = answers.Answer(status, "http://x.example/", {}, {"why": "because"}, 10)
    if not fails:
        answers.expect(answer, status=wanted)
        return
    with pytest.raises(ActionFailed, match=rf"answered {status}.*because") as failed:
        answers.expect(answer, status=wanted)
    assert failed.value.retryable is again


@pytest.mark.parametrize(
    "header, seconds",
    [("120", 120), ("0", 0), ("999999999999", 86400), ("soon", None), ("", None), ("-5", None)],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    assert _retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    assert 55 < (_retry_after(email.utils.format_datetime(at, usegmt=True)) or 0) < 61
    assert _retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0


def _retry_after(header: str) -> float | None:
    answer = answers.Answer(503, "http://x.example/", {"retry-after": header}, None, 0)
    with pytest.raises(ActionFailed) as failed:
        answers.expect(answer)
    return failed.value.retry_after


def test_a_secret_that_the_peer_repeats_is_not_told() -> None:
    answer = answers.Answer(401, "http://x.example/", {}, "bad key k-123", 10)
    with pytest.raises(ActionFailed, match=r"bad key \[redacted\]"):
        answers.expect(answer, known=("k-123",))


@pytest.mark.parametrize(
    ("status", "again"), [(500, False), (502, False), (503, True), (429, True)]
)
def test_what_may_have_taken_effect_is_not_sent_again(status: int, again: bool) -> None:
    answer = answers.Answer(status, "http://x.example/", {}, None, 0)
    with pytest.raises(ActionFailed) as failed:
        answers.expect(answer, repeatable=False)
    assert failed.value.retryable == again
