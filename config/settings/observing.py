"""Logs (JSON for machines, `plain` for people: what `make run` writes) and who may read the figures."""

from __future__ import annotations

import logging

from config.settings.environment import env

LOG_FORMAT = env.str("LOG_FORMAT", "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ours": {"()": "config.lib.logs.formatter"}},
    "filters": {
        "no_probes": {"()": "config.lib.request_log.NoProbes"},
        "no_garbage": {"()": "config.lib.request_log.NoGarbage"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "ours",
            "filters": ["no_probes"],
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "uvicorn.access": {"level": "WARNING"},
        "uvicorn.error": {"filters": ["no_garbage"]},
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "google_genai": {"level": "WARNING"},  # tells every request of itself
        # it tells what servers said; what went wrong we say ourselves
        "mcp": {"level": "CRITICAL"},
        "client": {"level": "CRITICAL"},  # the SDK's too
        "celery": {"level": "WARNING"},
        # config.lib.request_log says it, without the path
        "django.request": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.DisallowedModelAdminLookup": {"level": "CRITICAL"},
    },
}
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO  # who sent it was told
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

CANARY_SECONDS = env.float(
    "CANARY_SECONDS", 50
)  # between two synthetic events, each answered as any other; 0: none, and nobody watches
CANARY_LIMIT_SECONDS = env.float(
    "CANARY_LIMIT_SECONDS", 60
)  # one that takes longer, or does not come, raises an alert
METRICS_TOKEN = env.str("METRICS_TOKEN", "")  # who shows it may read /metrics
METRICS_ALLOW = env.list("METRICS_ALLOW", default=[])  # addresses or networks that may, without it
