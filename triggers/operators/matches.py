"""`matches`: a regular expression is found somewhere in the text (`^` and `$` bind it to the ends).

The syntax is RE2's, whose search is linear in the text, so that no pattern can explode; there are no
look-arounds and no back references. `(?i)` at the start ignores the case of letters.
"""

from __future__ import annotations

from typing import Any

import re2

from triggers.comparing import Incomparable, text
from triggers.operators import Operator, Value, register

MAX_PATTERN = 500
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 1 << 20  # bytes of one compiled pattern: repeats of repeats are refused


def check(pattern: Any) -> str | None:
    if not isinstance(pattern, str) or not pattern:
        return "The value must be a regular expression."
    if len(pattern) > MAX_PATTERN:
        return f"A regular expression has at most {MAX_PATTERN} characters."
    try:
        re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        return f"This is not a regular expression that RE2 can run: {_sentence(error)}"
    return None


def _sentence(error: Exception) -> str:
    reason = error.args[0] if isinstance(error, re2.error) else "bad text"
    sentence = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return sentence[:100]


def prepare(pattern: str) -> Any:
    return re2.compile(pattern, _OPTIONS)


def test(actual: Any, expected: Any) -> bool:
    try:
        return expected.search(text(actual)) is not None
    except UnicodeEncodeError:
        raise Incomparable("The text has characters that are not Unicode.") from None


register(Operator("matches", "matches", test, value=Value.TEXT, check=check, prepare=prepare))
