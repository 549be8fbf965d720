"""Every setting of Triggerfish, each from the environment; docs/settings.md lists them for people who host it.

Importing this never fails: where `DATABASE_URL` is not set, the addresses that `make run` wrote to
`var/run.env` are used, so that any `manage.py` command typed beside a running system finds its
servers.
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.templatetags.static import static
from kombu import Queue

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))
env.read_env(VAR_DIR / "run.env")  # keeps what the environment already says

# --- who we are -----------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")  # Django refuses an empty one where it is used
FIELD_KEYS = env.list(
    "FIELD_KEY", default=[]
)  # Fernet keys, newest first; they encrypt stored secrets
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL = env.str("SITE_URL", f"http://127.0.0.1:{env.str('PORT', '8000')}").rstrip("/")
NUM_PROXIES = env.int(
    "NUM_PROXIES", 0
)  # how many of our own proxies stand in front: whom X-Forwarded-For is believed
VERSION = "0.1.0"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.lib.admin_site.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_structlog",
    "crm",
    "agents",
    "triggers",
    "executions",
    "config",
]
MIDDLEWARE = [
    "config.lib.web_threads.ConnectionMiddleware",
    "config.lib.request_ids.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.lib.headers.SecurityHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.lib.request_log.RequestLogMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.lib.outages.DatabaseAwayMiddleware",
    "crm.access.WorkspaceMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- servers --------------------------------------------------------------------------------------------------------
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
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")


def _broker_url(redis_url: str) -> str:
    """Celery's spelling of a Redis address: kombu wants `redis+socket://` for unix sockets."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    return f"redis+socket://{parts.path}?virtual_host={query.get('db', '0')}"


# --- Celery: messages carry no work, they only wake workers ---------------------------------------------------------
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

# --- live news ------------------------------------------------------------------------------------------------------
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": env.str("CHANNEL_PREFIX", "triggerfish-live")},
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "tf",
    }
}

# --- the engine -----------------------------------------------------------------------------------------------------
TRIGGERS_ENABLED = env.bool(
    "TRIGGERS_ENABLED", True
)  # false: events are recorded, nothing is dispatched
TRIGGERS_OFF = env.list(
    "TRIGGERS_OFF", default=[]
)  # types of triggers that are turned off: cron, webhook, webhook:telegram ...
WEB_THREADS = env.int(
    "WEB_THREADS", 8
)  # requests answered at a time by one web process, each with a database connection
EXECUTE_SLOTS = env.int("EXECUTE_SLOTS", 100)  # runs side by side in one agents process
EXECUTE_THREADS = env.int("EXECUTE_THREADS", 8)  # database connections of one agents process
GRACE_SECONDS = env.int("GRACE_SECONDS", 20)  # how long runs may go on after a graceful stop began
LEASE_SECONDS = env.int(
    "LEASE_SECONDS", 60
)  # a heartbeat that stands still this long is a dead worker
# Who hangs in a transaction, stopped or swapped out, holds locks that all others wait for: PostgreSQL ends it.
DATABASES["default"]["OPTIONS"].setdefault(
    "options", f"-c idle_in_transaction_session_timeout={LEASE_SECONDS}s"
)
LISTENER_SECONDS = env.float(
    "LISTENER_SECONDS", 15
)  # a listener that is not seen so long has lost its sources
LISTENER_LOOK_SECONDS = 0.5
SOURCE_FAILURES = env.int("SOURCE_FAILURES", 3)  # in a row: then a source's trigger goes into error
DISPATCH_BATCH = env.int("DISPATCH_BATCH", 200)
HOST_FAILURES = env.int("HOST_FAILURES", 5)  # in a row: then a host outside counts as away
HOST_AWAY_SECONDS = env.float(
    "HOST_AWAY_SECONDS", 10.0
)  # until it is asked again; doubles up to two minutes
HOST_RETURN_SECONDS = env.float(
    "HOST_RETURN_SECONDS", 120.0
)  # over which the held runs of a host that is back are spread
LOOP_MAX_DEPTH = env.int("LOOP_MAX_DEPTH", 5)  # runs that lead to one another, in a row
LOOP_MAX_RUNS_PER_ROOT = env.int("LOOP_MAX_RUNS_PER_ROOT", 50)  # that one first event leads to
LOOP_MAX_RUNS_PER_SUBJECT = env.int(
    "LOOP_MAX_RUNS_PER_SUBJECT", 10
)  # of one trigger for one record, within the window
LOOP_WINDOW_SECONDS = env.int("LOOP_WINDOW_SECONDS", 600)
CRON_MIN_MINUTES = env.int("CRON_MIN_MINUTES", 1)  # a schedule that fires more often is refused
CRON_CATCH_UP_SECONDS = env.int(
    "CRON_CATCH_UP_SECONDS", 3600
)  # how late the latest missed fire of a schedule may still be made up for
CRON_CATCH_UP_MOST = env.int("CRON_CATCH_UP_MOST", 100)  # missed fires made up for by `all`
CRON_ON_TIME_SECONDS = env.int(
    "CRON_ON_TIME_SECONDS", 60
)  # so late is not missed: also `none` fires
CRON_BATCH = env.int("CRON_BATCH", 1000)  # schedules fired in one transaction
FORM_MAX_SECONDS = env.int(
    "FORM_MAX_SECONDS", 24 * 60 * 60
)  # a page that was open longer comes again, with what was typed
UNSIGNED_DAILY_SHARE = env.float(
    "UNSIGNED_DAILY_SHARE", 0.5
)  # of an agent's runs a day that senders whom nobody verified may use
EMIT_PER_MINUTE = env.int("EMIT_PER_MINUTE", 600)  # POST /triggers/emit, per user and per token
EMIT_EVENTS_PER_MINUTE = env.int("EMIT_EVENTS_PER_MINUTE", 6000)  # the events in them
FORM_PER_MINUTE = env.int("FORM_PER_MINUTE", 30)  # public form submissions, per address
FORM_TOTAL_PER_MINUTE = env.int(
    "FORM_TOTAL_PER_MINUTE", 600
)  # the same, per form, from all addresses
FORM_MIN_SECONDS = env.float(
    "FORM_MIN_SECONDS", 1.0
)  # a form answered faster than this is taken for spam
WEBHOOK_BASE_URL = env.str("WEBHOOK_BASE_URL", SITE_URL).rstrip("/")
WEBHOOK_PER_MINUTE = env.int("WEBHOOK_PER_MINUTE", 600)  # requests to one webhook's address
WEBHOOK_PER_PEER_MINUTE = env.int("WEBHOOK_PER_PEER_MINUTE", 600)  # from one address, IPv6 by /64
WEBHOOK_TOTAL_PER_MINUTE = env.int("WEBHOOK_TOTAL_PER_MINUTE", 120_000)  # all together
WEBHOOK_TYPES_PER_WORKSPACE = env.int("WEBHOOK_TYPES_PER_WORKSPACE", 100)
SANDBOX_PROCESSES = env.int("SANDBOX_PROCESSES", 2)  # of each web process
WEBHOOK_REJECTIONS_PER_MINUTE = env.int(
    "WEBHOOK_REJECTIONS_PER_MINUTE", 30
)  # written down, per address
WEBHOOK_BODY_SECONDS = env.float("WEBHOOK_BODY_SECONDS", 10.0)  # for a request's body to arrive
WEBHOOK_WAITING = env.int("WEBHOOK_WAITING", 1000)  # requests read and not answered, per process
WEBHOOK_WAITING_BYTES = env.int(
    "WEBHOOK_WAITING_BYTES", 64 * 1024 * 1024
)  # of their bodies; as much again may be on its way
APPROVAL_HOURS = env.float("APPROVAL_HOURS", 72)  # then what nobody approved is cancelled
METRICS_TOKEN = env.str("METRICS_TOKEN", "")  # who shows it may read /metrics
METRICS_ALLOW = env.list("METRICS_ALLOW", default=[])  # addresses or networks that may, without it
RETENTION_DAYS = env.int("RETENTION_DAYS", 30)  # events and what came of them
PAYLOAD_DAYS = env.int("PAYLOAD_DAYS", 7)  # what they said, and what runs were given and answered
PRUNE_SECONDS = env.int(
    "PRUNE_SECONDS", 20
)  # how long one pass may delete before others have a turn
QUEUE_LIMIT = env.int(
    "QUEUE_LIMIT", 50_000
)  # queued work of one workspace; then public doors answer 429
ALLOW_MODEL_REQUESTS = env.bool(
    "ALLOW_MODEL_REQUESTS", True
)  # false: language models are asked on this machine only
OUTBOUND_ALLOW = env.list(
    "OUTBOUND_ALLOW", default=[]
)  # hosts or networks that agents may reach though they are private

# --- mail: without a server, messages are files that the dashboard shows --------------------------------------------
MAIL_DIR = VAR_DIR / "mail"
if env.str("EMAIL_URL", ""):
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(MAIL_DIR)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "Triggerfish <triggerfish@localhost>")
EMAIL_TIMEOUT = 10
ALERT_MAIL_GATHER_SECONDS = env.int(
    "ALERT_MAIL_GATHER_SECONDS", 30
)  # what comes meanwhile goes into the same letter
ALERT_MAIL_EVERY_SECONDS = env.int("ALERT_MAIL_EVERY_SECONDS", 3600)  # about one cause

# --- people ---------------------------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
HTTPS = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [
    "^healthz$",
    "^readyz$",
    "^metrics$",
]  # probes come from inside, without TLS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- words and files ------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = ["config.formats"]
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "crm.access.TokenAuthentication",
        "crm.access.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["crm.access.HasWorkspaceScope"],
    "DEFAULT_PARSER_CLASSES": ["config.lib.rest.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.lib.rest.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "config.lib.rest.Page",
    "DEFAULT_SCHEMA_CLASS": "config.lib.rest.schema.Schema",
    "EXCEPTION_HANDLER": "config.lib.rest.answer_error",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "NUM_PROXIES": NUM_PROXIES,
    "DATETIME_FORMAT": None,  # config.lib.json writes times, in one form
    "DATE_FORMAT": None,
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS would tell names of other people
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Triggerfish",
    "DESCRIPTION": "Runs AI agents when something happens in a business.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ExecutionStatus": "executions.models.Status",
        "TriggerStatus": "triggers.models.TriggerStatus",
        "AgentStatus": "agents.models.AgentStatus",
    },
}

# --- logs: JSON for machines, `plain` for people (what `make run` writes) -------------------------------------------
LOG_FORMAT = env.str("LOG_FORMAT", "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ours": {"()": "config.lib.logs.formatter"}},
    "filters": {"no_probes": {"()": "config.lib.request_log.NoProbes"}},
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
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        # config.lib.request_log says it, without the path
        "django.request": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO  # who sent it was told
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

# --- the admin's look; who sees what is crm.admin.base --------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Triggerfish",
    "SITE_HEADER": "Triggerfish",
    "SITE_SYMBOL": "bolt",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("logo.svg")}
    ],
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda request: static("admin/pages.css")],
    "SCRIPTS": [lambda request: static("admin/admin_actions.js")],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "config.lib.admin_site.navigation",
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .013 195)",
            "100": "oklch(94.5% .03 195)",
            "200": "oklch(89.5% .06 195)",
            "300": "oklch(82% .09 196)",
            "400": "oklch(72% .11 200)",
            "500": "oklch(62% .11 205)",
            "600": "oklch(53% .1 208)",
            "700": "oklch(45.5% .085 210)",
            "800": "oklch(39.5% .07 212)",
            "900": "oklch(34.5% .06 214)",
            "950": "oklch(25% .05 216)",
        },
    },
}
