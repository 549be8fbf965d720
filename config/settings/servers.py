"""Where PostgreSQL and Redis are, and what a connection to them may take."""

from __future__ import annotations

from config.settings.engine import LEASE_SECONDS
from config.settings.environment import env

DATABASE_URL = env.str("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/triggerfish")
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    "CONN_MAX_AGE": env.int("CONN_MAX_AGE", 60),
    "CONN_HEALTH_CHECKS": True,
    "ATOMIC_REQUESTS": False,
}
# A network that is cut says nothing: without these, a connection waits a quarter of an hour for an answer.
_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms
}
DATABASES["default"]["OPTIONS"] = {**_NETWORK, **DATABASES["default"].get("OPTIONS", {})}
if "host" in DATABASES["default"]["OPTIONS"]:  # a unix socket, given as ?host=; psql wants it here
    DATABASES["default"]["HOST"] = DATABASES["default"]["OPTIONS"].pop("host")
# Who hangs in a transaction, stopped or swapped out, holds locks that all others wait for: PostgreSQL ends it.
DATABASES["default"]["OPTIONS"].setdefault(
    "options", f"-c idle_in_transaction_session_timeout={LEASE_SECONDS}s"
)
# By this the triggers of `capture_writes` know that the models tell of a write themselves; beside options of one's own.
DATABASES["default"]["OPTIONS"]["options"] += " -c triggerfish.writer=django"

# Requests answered at a time by one web process, each with a database connection
WEB_THREADS = env.int("WEB_THREADS", 8)
# Of these, those that may wait for a model or an MCP server at a time
WEB_WAITS = env.int("WEB_WAITS", max(1, WEB_THREADS // 2))

REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "config.lib.bounded_layer.BoundedPubSubLayer",
        "CONFIG": {
            "hosts": [REDIS_URL],
            "prefix": env.str("CHANNEL_PREFIX", "triggerfish-live"),
            "capacity": env.int("CHANNEL_CAPACITY", 100),  # messages that wait for one socket
        },
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "tf",
    }
}
