"""How events are dispatched and runs are made: places, leases, limits, and how long what came of them is kept."""

from __future__ import annotations

from config.settings.environment import env

# False: events are recorded, nothing is dispatched
TRIGGERS_ENABLED = env.bool("TRIGGERS_ENABLED", True)
# Types of triggers that are turned off: cron, webhook, webhook:telegram ...
TRIGGERS_OFF = env.list("TRIGGERS_OFF", default=[])
TRIGGERS_PER_WORKSPACE = env.int("TRIGGERS_PER_WORKSPACE", 1000)  # further ones are refused
DISPATCH_BATCH = env.int("DISPATCH_BATCH", 200)
# Queued work of one workspace; at more, public doors answer 429
QUEUE_LIMIT = env.int("QUEUE_LIMIT", 50_000)

EXECUTE_SLOTS = env.int("EXECUTE_SLOTS", 500)  # runs side by side in one agents process
EXECUTE_THREADS = env.int("EXECUTE_THREADS", 8)  # database connections of one agents process
GRACE_SECONDS = env.int("GRACE_SECONDS", 20)  # how long runs may go on after a graceful stop began
# A heartbeat that stands still this long is a dead worker
LEASE_SECONDS = env.int("LEASE_SECONDS", 60)
APPROVAL_HOURS = env.float("APPROVAL_HOURS", 72)  # then what nobody approved is cancelled

MODEL_CALL_SECONDS = env.float("MODEL_CALL_SECONDS", 120)  # one answer of a model takes no longer
# Events whose conditions a model judges side by side, in one agents process
JUDGE_SLOTS = env.int("JUDGE_SLOTS", 20)
JUDGE_CALL_SECONDS = env.float("JUDGE_CALL_SECONDS", 60)  # one such answer takes no longer
# How long a condition is asked again while its model fails
JUDGE_RETRY_SECONDS = env.float("JUDGE_RETRY_SECONDS", 3600)
# How long an answer serves for the same content; 0: each event is asked about
JUDGE_CACHE_SECONDS = env.int("JUDGE_CACHE_SECONDS", 24 * 3600)
# How long one request may try examples of conditions
EXAMPLES_SECONDS = env.float("EXAMPLES_SECONDS", 20)
TRY_PER_MINUTE = env.int("TRY_PER_MINUTE", 30)  # trials of examples by hand, per user and per token
DRAFTS_PER_MINUTE = env.int("DRAFTS_PER_MINUTE", 10)  # POST /triggers/draft and its page, per user

LOOP_MAX_DEPTH = env.int("LOOP_MAX_DEPTH", 5)  # runs that lead to one another, in a row
LOOP_MAX_RUNS_PER_ROOT = env.int("LOOP_MAX_RUNS_PER_ROOT", 50)  # that one first event leads to
# Runs of one trigger for one record, within the window
LOOP_MAX_RUNS_PER_SUBJECT = env.int("LOOP_MAX_RUNS_PER_SUBJECT", 10)
LOOP_WINDOW_SECONDS = env.int("LOOP_WINDOW_SECONDS", 600)
# The part of an agent's runs a day that senders whom nobody verified may use
UNSIGNED_DAILY_SHARE = env.float("UNSIGNED_DAILY_SHARE", 0.5)

# --- what agents may reach ------------------------------------------------------------------------------------------
# False: language models are asked on this machine only
ALLOW_MODEL_REQUESTS = env.bool("ALLOW_MODEL_REQUESTS", True)
# Hosts or networks that agents may reach though they are private
OUTBOUND_ALLOW = env.list("OUTBOUND_ALLOW", default=[])
# Programs, with their first arguments, that workspaces may start as MCP servers
MCP_COMMANDS = env.list("MCP_COMMANDS", default=[])
HOST_FAILURES = env.int("HOST_FAILURES", 5)  # in a row: then a host outside counts as away
# Until a host that is away is asked again; doubles up to two minutes
HOST_AWAY_SECONDS = env.float("HOST_AWAY_SECONDS", 10.0)
# The time over which the held runs of a host that is back are spread
HOST_RETURN_SECONDS = env.float("HOST_RETURN_SECONDS", 120.0)

# --- how long it is kept --------------------------------------------------------------------------------------------
RETENTION_DAYS = env.int("RETENTION_DAYS", 30)  # events and what came of them
PAYLOAD_DAYS = env.int("PAYLOAD_DAYS", 7)  # what they said, and what runs were given and answered
DEAD_LETTER_DAYS = env.int("DEAD_LETTER_DAYS", 30)  # messages that could not be made events
DEAD_LETTERS_KEPT = env.int("DEAD_LETTERS_KEPT", 1000)  # of one trigger, the newest
# How long one pass may delete before others have a turn
PRUNE_SECONDS = env.int("PRUNE_SECONDS", 20)
