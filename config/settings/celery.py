"""Celery: messages carry no work, they only wake workers."""

from __future__ import annotations

from urllib.parse import urlsplit

from kombu import Queue

from config.settings.environment import env
from config.settings.servers import REDIS_URL


def _broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: kombu wants `redis+socket://` for unix sockets."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return f"redis+socket://{parts.path}?virtual_host={query.get('db', '0')}"


CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "") or _broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for as long as it takes
CELERY_KEY_PREFIX = env.str("CELERY_KEY_PREFIX", "triggerfish:")
ON_RABBITMQ = CELERY_BROKER_URL.startswith(("amqp", "pyamqp"))
CELERY_BROKER_TRANSPORT_OPTIONS = (
    # Else a worker that has just connected waits for ever for an answer that does not come.
    {"read_timeout": 10, "write_timeout": 10}
    if ON_RABBITMQ
    else {
        "global_keyprefix": CELERY_KEY_PREFIX,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    }
)
# On RabbitMQ the prefix is part of the names of queues, exchange and remote control (Redis prefixes every key itself);
# `-Q` and the code go on saying dispatch, execute, alone. Messages that nobody took are dropped there after a while.
_QUEUE_PREFIX = CELERY_KEY_PREFIX if ON_RABBITMQ else ""
CELERY_TASK_QUEUES = [
    Queue(_QUEUE_PREFIX + name, routing_key=_QUEUE_PREFIX + name, alias=name, message_ttl=30.0)
    for name in ("dispatch", "execute", "alone")
]
CELERY_TASK_DEFAULT_EXCHANGE = CELERY_TASK_DEFAULT_ROUTING_KEY = f"{_QUEUE_PREFIX}dispatch"
CELERY_CONTROL_EXCHANGE = f"{_QUEUE_PREFIX}celery"
# RabbitMQ: a worker notices after twice as many seconds that nobody is there any more.
CELERY_BROKER_HEARTBEAT = 8
# RabbitMQ holds a connection that died without a word for as long. Were the queue by which a worker hears commands that
# connection's alone, the worker could not come back meanwhile, and would end itself. What is nobody's alone has to be
# durable there, from 4.3 on; it goes ten seconds after its worker.
CELERY_CONTROL_QUEUE_EXCLUSIVE = not ON_RABBITMQ
CELERY_CONTROL_QUEUE_DURABLE = ON_RABBITMQ
# A wake-up is not worth a write to the broker's disk.
CELERY_TASK_DEFAULT_DELIVERY_MODE = "transient"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "dispatch"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = True
CELERY_DB_REUSE_MAX = 1_000_000  # else Celery closes the database connection around every task
CELERY_BEAT_SCHEDULER = "executions.beat:SteadyScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
DJANGO_CELERY_BEAT_TZ_AWARE = True
