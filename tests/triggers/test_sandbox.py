"""Uploaded code: what it may do, and that all the rest ends in an error that names the place."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from config.lib import json
from triggers import sandbox
from triggers.sandbox import Busy, CannotRun, CodeFailed

PARSE = "def parse(body, headers):\n "


def run(code: str, *, body: Any = None, owner: str = "acme") -> Any:
    given = {"body": json.dumps(body).decode(), "headers": {"x-kind": "order"}, "raw": "raw"}
    return sandbox.run(code, "parse(body, headers)", given, owner=owner, texts="body")


def failure(code: str, **more: Any) -> CodeFailed:
    with pytest.raises(CodeFailed) as failed:
        run(code, **more)
    return failed.value


@pytest.mark.parametrize(
    "code, answer",
    [
        ("return {'id': body['order']['id'], 'kind': headers['x-kind']}", {"id": 7, "kind": "order"}),
        ("import re\n return re.findall('[0-9]+', 'a1b22')", ["1", "22"]),
        ("import datetime\n return datetime.date(2026, 11, 3).isoformat()", "2026-11-03"),
        ("import base64, json\n return json.loads(base64.b64decode('eyJhIjoxfQ=='))", {"a": 1}),
        ("import decimal\n return str(decimal.Decimal('1.10') * 3)", "3.30"),
        ("import time\n time.sleep(60)\n return 'at once'", "at once"),
        ("print('to nobody')\n return None", None),
        ("return [same('a', 'a'), same('a', 'b'), same(raw, b'raw')]", [True, False, True]),
    ],
)  # fmt: skip
def test_it_computes(code: str, answer: Any) -> None:
    assert run(PARSE + code, body={"order": {"id": 7}}) == answer


@pytest.mark.parametrize("key, text", [("k", "hello"), ("k" * 64, ""), ("k" * 65, "é"), ("", "x")])
def test_signatures_are_those_of_the_library(key: str, text: str) -> None:
    expected = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert run(f"{PARSE} return hmac_sha256({key!r}, {text!r})") == expected


OUTSIDE = {
    "file": "return open('/etc/passwd').read()",
    "file to write": "open('/tmp/x', 'w').write('x')",
    "environment": "import os\n return dict(os.environ)",
    "one variable": "import os\n return os.getenv('SECRET_KEY', '') + os.environ['SECRET_KEY']",
    "folder": "import os\n return os.listdir('/')",
    "path": "import pathlib\n return pathlib.Path('/etc/passwd').read_text()",
    "shell": "import os\n os.system('id')",
    "process": "import subprocess\n return subprocess.run(['id'])",
    "network": "import socket\n socket.create_connection(('127.0.0.1', 80))",
    "http": "import urllib.request\n urllib.request.urlopen('http://127.0.0.1/')",
    "import": "return __import__('os').getcwd()",
    "importlib": "import importlib\n return importlib.import_module('os')",
    "foreign memory": "import ctypes\n return ctypes.string_at(0)",
    "threads": "import threading\n return 1",
    "signals": "import signal\n return 1",
    "collector": "import gc\n return gc.get_objects()",
    "frames": "import sys\n return sys._getframe().f_back.f_globals",
    "our code": "import django\n return django.VERSION",
    "settings": "from django.conf import settings\n return settings.SECRET_KEY",
    "classes": "return ().__class__.__bases__[0].__subclasses__()",
    "globals of a function": "return parse.__globals__",
    "code of a function": "return parse.__code__.co_consts",
    "builtins": "return __builtins__",
    "class by format": "return '{0.__class__.__mro__}'.format(body)",
    "attribute by name": "return getattr(body, '__cl' + 'ass__').__mro__",
    "evaluated": "return eval(\"open('/etc/passwd').read()\")",
    "executed": "exec('import subprocess')\n return 1",
    "input": "return input()",
    "end": "raise SystemExit",
    "exit": "exit()",
}  # fmt: skip


@pytest.mark.parametrize("code", OUTSIDE.values(), ids=OUTSIDE)
def test_nothing_leads_out(code: str) -> None:
    assert failure(PARSE + code, body={}).line >= 2


ENDLESS = {
    "loop": "while True: pass",
    "loop that catches": "while True:\n  try:\n   while True: pass\n  except BaseException: pass",
    "count": "return sum(range(10**12))",
    "sort": "x = list(range(300_000))\n while True: x.sort(reverse=True)",
    "power": "x = 3\n while True: x = x * x % (10**4000 + 7)",
}
GREEDY = {
    "text": "return 'x' * (1 << 30)",
    "list": "x = []\n while True: x.append('y' * 1000)",
    "numbers": "return len(list(range(100_000_000)))",
    "power": "return len(str(9 ** 9 ** 9))",
    "padding": "return f'{1:>999999999}'",
    "replace": "return ('a' * 10**6).replace('a', 'b' * 10**4)",
    "dict": "x = {}\n for i in range(10**8): x[i] = 'y' * 100",
    "join": "return 'x'.join(['y' * 10**6] * 10**4)",
    "bytes": "return len(bytes(10**10))",
    "prints": "for i in range(100_000): print('x' * 100)",
    "one print": "print('x' * 20_000)",
}


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
def test_time_ends(code: str) -> None:
    begun = time.monotonic()
    failed = failure(PARSE + code)
    assert "took longer than 0.5 seconds" in failed.message or "took too long" in failed.message
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("code", GREEDY.values(), ids=GREEDY)
def test_memory_ends(code: str) -> None:
    assert "It needs more than 32 MB" in failure(PARSE + code).message


@pytest.mark.parametrize(
    "code, message",
    [
        ("return parse(body, headers)", "RecursionError"),
        ("return {'a': 'x' * 300_000}", "longer than 262144 bytes"),
        ("return 10 ** 100", "64 digits"),
        ("return 2 ** 70", "64 bits"),
        ("return float('nan')", "cannot be stored"),
        ("return {'a': '\\x00'}", "NUL"),
        ("return {1, 2}", "set is not JSON serializable"),
        ("return b'x'", "bytes is not JSON serializable"),
        ("return {(1, 2): 3}", "keys must be str"),
        ("return lambda: 1", "not JSON serializable"),
        ("return parse", "not JSON serializable"),
        ("x = []\n x.append(x)\n return x", "Circular"),
        ("x = 1\n for i in range(100): x = [x]\n return x", "64 levels"),
        ("import datetime\n return datetime.datetime.now()", "datetime is not JSON serializable"),
        ("class A: pass\n return A()", "A is not JSON serializable"),
        ("return body['order']", "KeyError: "),
        ("raise ValueError('wrong ' + 'x' * 9000)", "ValueError: wrong xxx"),
        ("assert False", "AssertionError"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_wrong_answers_are_failures(code: str, message: str) -> None:
    failed = failure(PARSE + code, body={})
    assert message in failed.message
    assert len(failed.message) <= sandbox.MAX_MESSAGE


@pytest.mark.parametrize(
    "code, line, column",
    [
        ("def parse(body, headers)\n return 1", 1, 25),
        ("def parse(body, headers):\n return {\n", 3, 1),
        ("x = 1\ny = ]\n", 2, 5),
        ("def parse(body, headers):\n  x = 1\n y = 2\n", 3, 1),
        ("def parse(body, headers):\n yield 1", 2, 2),
        ("x = 1\nimport hmac\n", 2, 1),
        ("def parse(body, headers):\n return helper(body)\ndef helper(body):\n return body.x.y", 4, 9),
    ],
)  # fmt: skip
def test_places_are_told(code: str, line: int, column: int) -> None:
    failed = failure(code, body={})
    assert (failed.line, failed.column) == (line, column), failed


@pytest.mark.parametrize(
    "code", ["", "x = 1", "parse = 5", "def prase(body, headers): return {}", "\ud800", "\x00"]
)
def test_code_that_is_no_parser(code: str) -> None:
    with pytest.raises(CodeFailed):
        sandbox.check(code, "parse", owner="acme")


def test_long_code_is_not_even_read() -> None:
    with pytest.raises(CodeFailed, match="64 KiB"):
        sandbox.check("#" * (sandbox.MAX_CODE + 1), "parse", owner="acme")


def test_calls_know_nothing_of_each_other() -> None:
    run("known = [1]\ndef parse(body, headers): return known")
    assert "known" in failure(PARSE + "return known").message


def test_the_process_has_no_environment() -> None:
    with sandbox._pool.session("acme") as session:
        assert Path(f"/proc/{session.worker_pid}/environ").read_bytes() == b""


def test_a_process_that_dies_is_replaced() -> None:
    def kill() -> None:
        with sandbox._pool.session("acme") as session:
            assert session.worker_pid is not None
            os.kill(session.worker_pid, signal.SIGKILL)

    kill()
    for _ in range(2):
        assert run(PARSE + "return 1") == 1


@pytest.fixture
def slow() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def test_slow_code_keeps_only_its_owner_waiting(slow: ThreadPoolExecutor) -> None:
    stopped = threading.Event()

    def keep_busy() -> str:
        found = set()
        while not stopped.is_set():
            try:
                run(PARSE + "while True: pass", owner="slow")
            except CodeFailed:
                found.add("ran")
            except Busy:
                found.add("busy")
        return ",".join(sorted(found))

    loops = [slow.submit(keep_busy) for _ in range(5)]
    try:
        assert [run(PARSE + "return 1", owner="quick") for _ in range(20)] == [1] * 20
        time_out = time.monotonic() + 30
        while sandbox._pool._here["slow"] < 3 and time.monotonic() < time_out:
            assert run(PARSE + "return 1", owner="quick") == 1
    finally:
        stopped.set()
    assert {"ran", "busy"} <= {word for loop in loops for word in loop.result().split(",")}
    assert not sandbox._pool._here


def test_a_fork_cannot_run_what_its_parent_opened() -> None:
    """It would wait for ever; it is told instead."""
    run(PARSE + "return 1")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(30)
            run(PARSE + "return 1")
        except CannotRun:
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_no_sandbox_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_pool", sandbox._Pool())
    monkeypatch.setenv("MONTY_BIN", "/nowhere/monty")
    with pytest.raises(CannotRun):
        run(PARSE + "return 1")
