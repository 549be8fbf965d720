"""Log lines as JSON, one object each, with the correlation id of the request, event or run that they belong to."""

from __future__ import annotations

import datetime as dt
import logging
from contextvars import ContextVar
from typing import Any

import orjson

from config.lib.secrets import redact, redact_text

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JSONFormatter(logging.Formatter):
    """`{"at", "level", "logger", "message", "correlation_id"?, ...extra, "stack"?}`; secrets are redacted by name."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact_text(record.getMessage()),
        }
        if correlation := correlation_id.get():
            line["correlation_id"] = correlation
        line |= redact(
            {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
        )
        if record.exc_info:
            line["stack"] = redact_text(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode(
            "utf-8", "replace"
        )
