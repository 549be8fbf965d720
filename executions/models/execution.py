"""The ledger: one row for each event and each trigger that listened to it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from agents.models import Agent
from config.lib.ids import uuid7
from crm.models import Workspace
from executions.models.querysets import ExecutionQuerySet
from executions.models.reason import Reason
from triggers.models import Event, Trigger
from triggers.models.event import deleted_after


class Status(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    RETRYING = "retrying", "Retrying"
    WAITING_APPROVAL = "waiting_approval", "Waiting for approval"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    TIMED_OUT = "timed_out", "Timed out"
    CANCELLED = "cancelled", "Cancelled"
    SKIPPED = "skipped", "Skipped"
    INTERRUPTED = "interrupted", "Interrupted"


TERMINAL = frozenset(
    {Status.COMPLETED, Status.FAILED, Status.TIMED_OUT, Status.CANCELLED, Status.SKIPPED}
)


class Verdict(models.TextChoices):
    NONE_NEEDED = "none_needed", "None needed"
    PENDING = "pending", "Pending"
    MET = "met", "Met"


class NextPosition(models.Func):
    """The next place in the queue."""

    template = "nextval('executions_execution_position')"
    output_field = models.BigIntegerField()


READY = Q(status="queued", run_at=None) & ~Q(verdict="pending")
UNDECIDED = Q(status="queued", verdict="pending")
HELD = Q(status="queued") & ~Q(held_for="")


class Execution(models.Model):
    """It ran, it waits, or it was skipped with a reason and the trace of what was seen.

    Queued and `run_at` null = ready; queued with `run_at` = waits for that moment (`tick` clears it
    when due). `resumes` says that the next claim goes on with a run that has started before: it
    spends no attempt and no place in the rate windows. `held_for` names the host outside (see
    `agents.hosts`) that a queued row waits for: not its moment, but the host's return lets it go on;
    `holds` counts how often that was. The names of agent and trigger are kept
    here, because history outlives both.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Each foreign key leads one of the indexes below: one of its own would only make each write dearer. The workspace
    # is the event's, which the composite key asks for anyway, so it needs no key of its own.
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="executions", db_index=False, db_constraint=False
    )
    event = models.ForeignKey(
        Event, models.CASCADE, related_name="executions", db_index=False, db_constraint=False
    )
    trigger = models.ForeignKey(
        Trigger,
        models.SET_NULL,
        null=True,
        related_name="executions",
        db_index=False,
        db_constraint=False,
    )
    agent = models.ForeignKey(
        Agent,
        models.SET_NULL,
        null=True,
        related_name="executions",
        db_index=False,
        db_constraint=False,
    )
    trigger_name = models.CharField(max_length=255)
    agent_name = models.CharField(max_length=255)
    trigger_type = models.CharField(max_length=220)  # as people read it: "event: contact_created"
    agent_version = models.PositiveIntegerField(default=0)
    listener_id = models.UUIDField()  # the trigger's id, also when the trigger is gone
    replay_no = models.PositiveIntegerField(default=0)
    replay_of = models.UUIDField(null=True, blank=True)
    is_test = models.BooleanField(default=False)
    # Of an event that began with a sender whom nobody verified; a replay is a person's decision, and so never is.
    is_unsigned = models.BooleanField(default=False, db_default=False)
    position = models.BigIntegerField(db_default=NextPosition(), editable=False)
    status = models.CharField(max_length=20, choices=Status, default=Status.QUEUED)
    reason = models.CharField(max_length=30, choices=Reason, blank=True, default="")
    trace = models.JSONField(default=list, blank=True)
    verdict = models.CharField(max_length=12, choices=Verdict, default=Verdict.NONE_NEEDED)
    inputs = models.JSONField(default=dict, blank=True)
    # Inputs that a model reads out of the event when the run begins, as the mapping said when the event was heard.
    extracts = models.JSONField(null=True, editable=False)
    attempt = models.PositiveSmallIntegerField(default=0)
    losses = models.PositiveSmallIntegerField(default=0)  # workers that died while it ran
    resumes = models.BooleanField(default=False)
    held_for = models.CharField(max_length=300, blank=True, default="", db_default="")
    holds = models.PositiveSmallIntegerField(default=0, db_default=0)
    run_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    heartbeat = models.PositiveIntegerField(default=0)
    deadline_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    worker = models.CharField(max_length=100, blank=True, default="")
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(db_default=models.functions.Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    output = models.JSONField(null=True, blank=True)
    error_message = models.TextField(blank=True, default="")
    error = models.JSONField(null=True, blank=True)  # {"type", "step", "stack"?}
    usage = models.JSONField(default=dict, blank=True)
    # Of a run that failed: the event, the agent and the trigger as they were then (executions.evidence).
    at_failure = models.JSONField(null=True, blank=True)
    bodies_kept_days = models.PositiveSmallIntegerField(
        null=True, editable=False
    )  # set when inputs, output and the steps' contents were deleted, after so many days

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "listener_id", "replay_no"], name="execution_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="execution_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status="skipped") | ~Q(reason=""), name="execution_skip_has_reason"
            ),
        ]
        indexes = [
            models.Index(
                fields=["trigger", "position"], condition=READY, name="execution_ready"
            ),  # queue.claim
            models.Index(
                fields=["agent", "position"],
                condition=Q(status__in=["queued", "retrying"]),
                name="execution_pending",
            ),  # skip_unwanted
            models.Index(
                fields=["agent", "position"],
                condition=UNDECIDED & Q(run_at=None, lease=None),
                name="execution_judgeable",
            ),  # undecided.take
            models.Index(
                fields=["trigger", "position"], condition=UNDECIDED, name="execution_undecided"
            ),  # verdicts: cooldowns in the order of events; skip_unwanted
            models.Index(
                fields=["trigger"],
                condition=UNDECIDED & Q(reason="cooldown"),
                name="execution_follower",
            ),  # verdicts: met, and waiting for the verdict on an earlier event
            models.Index(
                fields=["lease"],
                condition=UNDECIDED & ~Q(lease=None),
                name="execution_judged",
            ),  # heartbeat of judges, reaper
            models.Index(
                fields=["agent"],
                condition=Q(status="queued", losses__gt=0),
                name="execution_suspect",
            ),  # queue.claim
            models.Index(
                fields=["id"],
                condition=Q(status__in=["queued", "retrying"]) & (Q(agent=None) | Q(trigger=None)),
                name="execution_orphan",
            ),  # skip_orphans
            models.Index(
                fields=["run_at"],
                condition=Q(status__in=["queued", "retrying"]) & ~Q(run_at=None) & Q(held_for=""),
                name="execution_due",
            ),  # promote_due
            models.Index(
                fields=["run_at"],
                condition=Q(status="waiting_approval"),
                name="execution_unapproved",
            ),  # approving.expire
            models.Index(
                fields=["workspace", "held_for", "position"], condition=HELD, name="execution_held"
            ),  # holding
            models.Index(
                fields=["workspace", "held_for", "holds", "attempt", "position"],
                condition=HELD,
                name="execution_held_ahead",
            ),  # holding: the run that is sent ahead
            models.Index(
                fields=["agent", "trigger"], condition=Q(status="running"), name="execution_running"
            ),  # concurrency
            models.Index(
                fields=["trigger"],
                condition=Q(
                    status__in=["queued", "running", "retrying", "waiting_approval", "interrupted"]
                ),
                name="execution_trigger_open",
            ),  # overlap
            models.Index(
                fields=["lease"], condition=Q(status="running"), name="execution_leased"
            ),  # heartbeat, reaper
            models.Index(fields=["workspace", "-id"], name="execution_newest"),  # lists
            models.Index(
                fields=["workspace", "status", "-id"], name="execution_status_newest"
            ),  # lists, counts
            models.Index(
                fields=["trigger", "-id"], name="execution_trigger_newest"
            ),  # history of a trigger
            models.Index(
                fields=["agent", "-id"], name="execution_agent_newest"
            ),  # history of an agent
        ]

    def __str__(self) -> str:
        return f"{self.agent_name} {self.status} {self.id}"

    @property
    def is_finished(self) -> bool:
        return self.status in TERMINAL

    @property
    def bodies_deleted(self) -> str:
        """`deleted after 7 days` where inputs, output and the steps' contents are gone, else empty."""
        return deleted_after(self.bodies_kept_days)

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from the first start to the end; null while it has not both."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)
