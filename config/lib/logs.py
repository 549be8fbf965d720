"""Log lines: one JSON object each, or a readable line for people, with the correlation id of the request, event or run.

Two ways lead here. `logging` and structlog (django-structlog's lines about requests) go through structlog's formatter.
State changes come by the hundred: `tell` takes a batch, writes it once its transaction has committed, all lines in one
system call and without a LogRecord, at about 2 us a line. Secrets are taken out by name and by their looks.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import transaction
from structlog.stdlib import ProcessorFormatter

from config.lib.secrets import HIDDEN, redact, redact_text

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")

Fields = Mapping[str, Any]
Line = tuple[int, str, Fields]  # level, message, fields

_LOOKS_SECRET = re.compile(
    r"(?i)(\b(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=:-]{8,}|\btf_[A-Za-z0-9_-]{16,}"
)
_ROW_VALUES = re.compile(r"(?m)^DETAIL:.*$")  # PostgreSQL shows the row that it refuses
_QUIET = re.compile(r"[A-Za-z0-9_.:@/+-]+\Z")  # a value that needs no quotes
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE


# --- batches of state changes ---------------------------------------------------------------------------------------


def tell(logger: str, lines: Sequence[Line]) -> None:
    """Writes the lines once the open transaction has committed, at once where none is open; none if it is rolled back.

    A line's own `correlation_id` stands before that of the context. Fields are ids, names, numbers: nothing that a
    stranger's request or answer says, unless it went through `clean`.
    """
    threshold = logging.getLogger(logger).getEffectiveLevel()
    wanted = [line for line in lines if line[0] >= threshold]
    if not wanted:
        return
    write = partial(_write, logger, wanted, dt.datetime.now(dt.UTC), correlation_id.get())
    connection = None if _in_event_loop() else transaction.get_connection()
    if connection is not None and connection.in_atomic_block:
        connection.on_commit(write, robust=True)
    else:
        write()


def clean(text: str, *, longest: int = 300) -> str:
    """Text of others, without what looks like a secret."""
    text = _LOOKS_SECRET.sub(lambda found: f"{found[1] or ''}{HIDDEN}", redact_text(text))
    return _ROW_VALUES.sub(f"DETAIL: {HIDDEN}", text)[:longest]


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _write(logger: str, lines: Iterable[Line], at: dt.datetime, correlation: str) -> None:
    moment, render = _moment(at), _renderer()
    put(
        b"".join(
            render(
                {
                    "at": moment,
                    "level": _level_name(level),
                    "logger": logger,
                    "message": message,
                    **({"correlation_id": correlation} if correlation else {}),
                    **fields,
                }
            )
            for level, message, fields in lines
        )
    )


def put(text: bytes) -> None:
    """To where this process' log goes: its standard error, whatever a library has put in place of sys.stderr."""
    while text:
        text = text[os.write(2, text) :]


def _level_name(level: int) -> str:
    return logging.getLevelName(level).lower()


# --- one line -------------------------------------------------------------------------------------------------------


def _moment(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def as_json(line: Mapping[str, Any]) -> bytes:
    return orjson.dumps(line, default=str, option=_OPTIONS)


def as_text(line: Mapping[str, Any]) -> bytes:
    """`2026-11-21 09:30:00 INFO    executions  run completed  agent=Greeter ...`, a stack below it."""
    head = f"{line['at'][:10]} {line['at'][11:19]} {line['level'].upper():<7} {line['logger']}  {line['message']}"
    rest = "".join(
        f"  {name}={_said(value)}"
        for name, value in line.items()
        if name not in _HEAD and value not in (None, "")
    )
    stack = f"\n{line['stack']}" if line.get("stack") else ""
    return f"{_one_line(head)}{rest}{stack}\n".encode("utf-8", "backslashreplace")


_HEAD = {"at", "level", "logger", "message", "stack"}


def _said(value: Any) -> str:
    text = str(value)
    return text if _QUIET.match(text) else orjson.dumps(text).decode()


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _renderer() -> Callable[[Mapping[str, Any]], bytes]:
    return as_text if settings.LOG_FORMAT == "plain" else as_json


# --- logging and structlog ------------------------------------------------------------------------------------------


def _gather(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """structlog's dictionary as our line: names first, then what was said beside, without secrets."""
    record: logging.LogRecord | None = event.pop("_record", None)
    event.pop("_from_structlog", None)
    stack = event.pop("exception", "") or event.pop("stack", "")
    at = dt.datetime.fromtimestamp(record.created, dt.UTC) if record else dt.datetime.now(dt.UTC)
    line = {
        "at": _moment(at),
        "level": event.pop("level", "info"),
        "logger": event.pop("logger", ""),
        "message": clean(str(event.pop("event", "")), longest=10_000),
    }
    if correlation := correlation_id.get():
        line["correlation_id"] = correlation
    line |= {name: _clean(value) for name, value in redact(dict(event)).items()}
    if stack:
        line["stack"] = clean(str(stack), longest=50_000)
    return line


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, longest=2_000)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _finish(_logger: Any, _method: str, line: Mapping[str, Any]) -> str:
    return _renderer()(line).decode("utf-8", "replace").removesuffix("\n")


def formatter() -> ProcessorFormatter:
    """What `settings.LOGGING` names."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[structlog.processors.format_exc_info, _gather, _finish],
    )


structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
