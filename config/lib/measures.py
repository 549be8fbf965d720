"""What is counted while work is done, all in one place; docs/monitoring.md lists it beside what tables tell."""

from __future__ import annotations

from config.lib.counters import Counter, Histogram

EVENTS = Counter("triggerfish_events_recorded_total", "Events stored.", ("source",))
EVENT_WAIT = Histogram(
    "triggerfish_event_wait_seconds", "From the recording of an event to its decision."
)
DISPATCH = Histogram("triggerfish_dispatch_seconds", "One batch of the dispatcher.")
DECIDED = Counter(
    "triggerfish_executions_decided_total",
    "Executions recorded, queued or skipped at once with the reason.",
    ("status", "reason"),
)
SKIPPED = Counter(
    "triggerfish_executions_skipped_waiting_total",
    "Executions that had been queued and were skipped.",
    ("reason",),
)
JUDGED = Counter(
    "triggerfish_conditions_judged_total",
    "Events whose conditions a model was asked about: met, not_met, error, unsure, or held while it cannot be asked.",
    ("outcome",),
)
ANSWERS = Counter(
    "triggerfish_condition_answers_total",
    "Answers to conditions in words, of the model or remembered for the same content.",
    ("origin",),
)
JUDGE = Histogram(
    "triggerfish_judge_seconds", "One call of a model that judges a condition, well or not."
)
CLAIM = Histogram("triggerfish_claim_seconds", "One claim that took something.")
RUN_WAIT = Histogram(
    "triggerfish_run_wait_seconds", "From the recording of an execution to its first start."
)
PASSES = Counter(
    "triggerfish_runs_passed_total",
    "Passes of runs by what came of them: completed, failed, timed_out, cancelled, retrying ...",
    ("status",),
)
RUN = Histogram("triggerfish_run_seconds", "From the first start of a run to its end.")
LOST = Counter("triggerfish_runs_lost_total", "Runs whose worker died.")
LATENESS = Histogram(
    "triggerfish_schedule_lateness_seconds", "How late a schedule fired, its jitter left out."
)
MISSED = Counter("triggerfish_schedules_missed_total", "Fires that were not made up for.")
WEBHOOKS = Counter(
    "triggerfish_webhook_requests_total",
    "Requests to webhooks' addresses: accepted, answered, or refused with the reason.",
    ("outcome", "reason"),
)
WEBHOOK = Histogram("triggerfish_webhook_seconds", "One request to a webhook's address.")
FORMS = Counter(
    "triggerfish_form_answers_total", "Answers to forms: accepted, spam, refused.", ("outcome",)
)
