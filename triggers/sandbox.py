"""Code that a workspace uploaded, run where it can do nothing but compute.

    run("def parse(body, headers): ...", "parse(body, headers)", {"body": b"{}", "headers": {}}, owner="acme")

Each call has an interpreter of its own in a process of its own (pydantic-monty): no files, no network, no environment,
SECONDS of time and MEMORY bytes. What comes back is a text of JSON, so nothing of the sandbox ever becomes an object
here. A call blocks its thread: never call it on an event loop.

The processes belong to the one that opened them. A fork of it must not touch them, it would wait for ever: there every
call raises CannotRun. So nothing that forks later may call this first.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pydantic_monty as monty
from django.conf import settings

from config.lib import json

SECONDS = 0.5
MEMORY = 32 * 1024 * 1024
MAX_CODE = 64 * 1024
MAX_ANSWER = 256 * 1024
MAX_PRINTED = 10_000
MAX_MESSAGE = 300
_WAIT_SECONDS = 1.0  # for a free process, and for one's turn
_WAITING_PER_OWNER = 2
_LIMITS: monty.ResourceLimits = {
    "max_feed_duration_secs": SECONDS,
    "max_memory": MEMORY,
    "max_recursion_depth": 200,
    "max_suspensions": 10,
}
_BEFORE = '''
import hashlib as _hashlib
import json as _json
def _bytes(value):
    return value.encode() if isinstance(value, str) else value
def hmac_sha256(key, message):
    """The HMAC-SHA256 of two texts or bytes, in hexadecimal digits."""
    key, message = _bytes(key), _bytes(message)
    if len(key) > 64:
        key = _hashlib.sha256(key).digest()
    number = int((key.hex() + "0" * 128)[:128], 16)
    inner = bytes.fromhex(f"{number ^ int('36' * 64, 16):0128x}")
    outer = bytes.fromhex(f"{number ^ int('5c' * 64, 16):0128x}")
    return _hashlib.sha256(outer + _hashlib.sha256(inner + message).digest()).hexdigest()
def same(one, other):
    """Whether two texts are equal; how long it takes does not tell where they differ."""
    return _hashlib.sha256(_bytes(one)).digest() == _hashlib.sha256(_bytes(other)).digest()
'''
_DECODE = "{name} = _json.loads({name})\n"
_FED = "<python-input-1>"  # what tracebacks call the code, the second thing that a session is fed
_AFTER = "\n\nimport json as _json\n_json.dumps({call})"


class CodeFailed(Exception):
    """The code is wrong, raised, took too long or too much, or answered what is no JSON.

    `message` is for the people of the workspace. `line` and `column` of the code count from 1; 0 is unknown.
    """

    def __init__(self, message: str, *, line: int = 0, column: int = 0) -> None:
        self.message, self.line, self.column = message[:MAX_MESSAGE], line, column
        where = f" (line {line}, column {column})" if line else ""
        super().__init__(f"{self.message}{where}")


class CannotRun(Exception):
    """Nothing was run: there is no sandbox in this process."""


class Busy(CannotRun):
    """Nothing was run: too much runs already. Another try in a few seconds may find room."""


class _Pool:
    """The processes of this process, started with the first call, and whose turn it is.

    One owner runs one call at a time, so that slow code keeps only its own owner waiting.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._here: Counter[str] = Counter()  # calls that run or wait, by owner
        self._monty: monty.Monty | None = None
        self.lost = False

    @contextmanager
    def session(self, owner: str) -> Iterator[monty.MontySession]:
        with self._turn(owner):
            checkout = self._open().checkout(
                script_name="code", limits=_LIMITS, os_policy={"sleep": "zero"}
            )
            try:
                session = checkout.__enter__()
            except TimeoutError:
                raise Busy("Too much uploaded code runs now.") from None
            except (OSError, RuntimeError, monty.MontyError) as error:
                raise CannotRun(str(error)) from None
            try:
                yield session
            finally:
                checkout.__exit__(None, None, None)

    @contextmanager
    def _turn(self, owner: str) -> Iterator[None]:
        with self._lock:
            if self._here[owner] > _WAITING_PER_OWNER:
                raise Busy("Too much code of this workspace runs now.")
            self._here[owner] += 1
            turn = self._turns.setdefault(owner, threading.Lock())
        try:
            if not turn.acquire(timeout=_WAIT_SECONDS):
                raise Busy("Code of this workspace runs now.")
            try:
                yield
            finally:
                turn.release()
        finally:
            self._leave(owner)

    def _leave(self, owner: str) -> None:
        with self._lock:
            self._here[owner] -= 1
            if not self._here[owner]:
                del self._here[owner], self._turns[owner]

    def _open(self) -> monty.Monty:
        with self._lock:
            if self.lost:
                raise CannotRun("Uploaded code cannot run in a fork.")
            if self._monty is None:
                try:
                    self._monty = monty.Monty(
                        max_processes=settings.SANDBOX_PROCESSES,
                        checkout_timeout=_WAIT_SECONDS,
                        request_timeout=3.0,
                        feed_duration_limit_grace=0.5,
                        max_checkouts_per_worker=10_000,
                    ).__enter__()
                except (OSError, RuntimeError, monty.MontyError) as error:
                    raise CannotRun(str(error)) from None
            return self._monty


_pool = _Pool()


def _forget() -> None:
    """In a fork: what the parent opened is not ours, and its locks may be held for ever."""
    global _pool  # noqa: PLW0603 - one per process
    was_open = _pool._monty is not None or _pool.lost
    _kept.append(_pool)  # its end would wait for processes that are not ours
    _pool = _Pool()
    _pool.lost = was_open


_kept: list[_Pool] = []
os.register_at_fork(after_in_child=_forget)


def run(code: str, call: str, given: Mapping[str, Any], *, owner: str, texts: str = "") -> Any:
    """The JSON value of the expression `call`, after the code ran. Raises CodeFailed, CannotRun.

    `given`: names to values that the code finds; a value of a name in `texts` (separated by blanks) is a text of JSON
    and is read there: that is ten times quicker than to carry it over piece by piece. `owner`: whose code it is.
    """
    if len(code) > MAX_CODE:
        raise CodeFailed(f"The code is longer than {MAX_CODE // 1024} KiB.")
    before = _BEFORE + "".join(_DECODE.format(name=name) for name in texts.split())
    with _pool.session(owner) as session:
        try:
            session.feed_run(before, inputs=dict(given), print_callback=_no_prints())
            answer = session.feed_run(code + _AFTER.format(call=call), print_callback=_no_prints())
        except monty.MontyCrashedError as error:
            why = "It took too long." if error.timed_out else "It broke the sandbox."
            raise CodeFailed(why) from None
        except monty.MontyError as error:
            raise _told(error, lines=code.count("\n") + 1) from None
        except (ValueError, TypeError) as error:
            raise CodeFailed(f"It cannot be read: {error}") from None
    return _read(answer)


def check(code: str, function: str, *, owner: str) -> None:
    """Raises CodeFailed unless the code can be read, runs, and defines the function; CannotRun."""
    if not run(code, f"type({function}) is type(same)", {}, owner=owner):
        raise CodeFailed(f"{function} is no function.")


def _no_prints() -> monty.CollectString:
    return monty.CollectString(max_bytes=MAX_PRINTED)


def _read(answer: Any) -> Any:
    try:
        return json.loads(answer if isinstance(answer, str) else "", max_bytes=MAX_ANSWER)
    except json.InvalidJSON as error:
        raise CodeFailed(f"Its answer cannot be stored: {error.message}.") from None


def _told(error: monty.MontyError, *, lines: int) -> CodeFailed:
    """In words, with the innermost place inside the code."""
    frames = error.traceback() if hasattr(error, "traceback") else []
    inside = [(one.line, one.column) for one in frames if one.filename == _FED]
    if isinstance(error, monty.MontySyntaxError):
        line, column = inside[-1] if inside else (0, 0)
        return CodeFailed(f"SyntaxError: {error}", line=min(line, lines), column=column)
    line, column = next((place for place in reversed(inside) if place[0] <= lines), (0, 0))
    return CodeFailed(_in_words(str(error)), line=line, column=column)


def _in_words(said: str) -> str:
    if said.startswith("TimeoutError: feed time limit"):
        return f"It took longer than {SECONDS} seconds."
    if said.startswith("MemoryError"):
        return (
            f"It needs more than {MEMORY // 1024**2} MB, or prints more than {MAX_PRINTED} bytes."
        )
    return said
