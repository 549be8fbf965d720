"""How much each source of events may take, and how often it looks."""

from __future__ import annotations

from config.settings.environment import env
from config.settings.site import SITE_URL

# A listener that is not seen so long has lost its sources
LISTENER_SECONDS = env.float("LISTENER_SECONDS", 15)
LISTENER_LOOK_SECONDS = 0.5
SOURCE_FAILURES = env.int("SOURCE_FAILURES", 3)  # in a row: then a source's trigger goes into error

# Folders below which files may be watched; {workspace} stands for the slug
FILE_WATCH_ROOTS = env.list("FILE_WATCH_ROOTS", default=[])
FILE_WATCH_MAX_FILES = env.int("FILE_WATCH_MAX_FILES", 100_000)  # of one trigger
FILE_WATCH_EVENTS_PER_SECOND = env.int("FILE_WATCH_EVENTS_PER_SECOND", 1000)  # of one trigger
# All is looked at again, whatever the system tells
FILE_WATCH_RESCAN_SECONDS = env.float("FILE_WATCH_RESCAN_SECONDS", 60)
# The same, where the system does not tell of changes
FILE_WATCH_POLL_SECONDS = env.float("FILE_WATCH_POLL_SECONDS", 5)
# How often what MCP servers told of is compared, hint or not
MCP_RECHECK_SECONDS = env.float("MCP_RECHECK_SECONDS", 60.0)

CRON_MIN_MINUTES = env.int("CRON_MIN_MINUTES", 1)  # a schedule that fires more often is refused
# How late the latest missed fire of a schedule may still be made up for
CRON_CATCH_UP_SECONDS = env.int("CRON_CATCH_UP_SECONDS", 3600)
CRON_CATCH_UP_MOST = env.int("CRON_CATCH_UP_MOST", 100)  # missed fires made up for by `all`
# A fire that is so late is not missed: `none` fires too
CRON_ON_TIME_SECONDS = env.int("CRON_ON_TIME_SECONDS", 60)
CRON_BATCH = env.int("CRON_BATCH", 1000)  # schedules fired in one transaction

EMIT_PER_MINUTE = env.int("EMIT_PER_MINUTE", 600)  # POST /triggers/emit, per user and per token
EMIT_EVENTS_PER_MINUTE = env.int("EMIT_EVENTS_PER_MINUTE", 6000)  # the events in them

FORM_PER_MINUTE = env.int("FORM_PER_MINUTE", 30)  # public form submissions, per address
# The same, per form, from all addresses
FORM_TOTAL_PER_MINUTE = env.int("FORM_TOTAL_PER_MINUTE", 600)
# A form answered faster than this is taken for spam
FORM_MIN_SECONDS = env.float("FORM_MIN_SECONDS", 1.0)
# A page that was open longer comes again, with what was typed
FORM_MAX_SECONDS = env.int("FORM_MAX_SECONDS", 24 * 60 * 60)

WEBHOOK_BASE_URL = env.str("WEBHOOK_BASE_URL", SITE_URL).rstrip("/")
WEBHOOK_PER_MINUTE = env.int("WEBHOOK_PER_MINUTE", 600)  # requests to one webhook's address
WEBHOOK_PER_PEER_MINUTE = env.int("WEBHOOK_PER_PEER_MINUTE", 600)  # from one address, IPv6 by /64
WEBHOOK_TOTAL_PER_MINUTE = env.int("WEBHOOK_TOTAL_PER_MINUTE", 120_000)  # all together
# How many refused requests are written down, per address
WEBHOOK_REJECTIONS_PER_MINUTE = env.int("WEBHOOK_REJECTIONS_PER_MINUTE", 30)
WEBHOOK_BODY_SECONDS = env.float("WEBHOOK_BODY_SECONDS", 10.0)  # for a request's body to arrive
WEBHOOK_WAITING = env.int("WEBHOOK_WAITING", 1000)  # requests read and not answered, per process
# Bytes of their bodies; as much again may be on its way
WEBHOOK_WAITING_BYTES = env.int("WEBHOOK_WAITING_BYTES", 64 * 1024 * 1024)
WEBHOOK_TYPES_PER_WORKSPACE = env.int("WEBHOOK_TYPES_PER_WORKSPACE", 100)
SANDBOX_PROCESSES = env.int("SANDBOX_PROCESSES", 2)  # of each web process
