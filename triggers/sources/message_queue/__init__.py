"""Message queues: Redis, RabbitMQ, Kafka, SQS. Each message, or each batch, is an event of its trigger.

`kinds` says what a queue is, one file per kind; `pump` turns messages into events; `address` guards where queues are.
"""

from __future__ import annotations

import uuid
from typing import Any

from config.lib import json
from crm.models import Workspace
from triggers.sources import Config, Problems, Source, register, why_off
from triggers.sources.message_queue import address, kafka, kinds, rabbitmq, redis, sqs
from triggers.sources.message_queue.pump import RECEIVED, SAMPLE, SCHEMA, QueueWatcher
from triggers.watching import Watcher

KINDS = (kafka, rabbitmq, redis, sqs)  # each has registered itself


class QueueSource(Source):
    trigger_type = "message_queue"
    from_outside = True
    label = "Message queue"
    description = (
        "Runs for each message of a queue, or for each batch. What is acknowledged has been stored."
    )
    is_watched = True
    config_schema = {
        "type": "object",
        "properties": {
            "queue_type": {
                "type": "string",
                "title": "Kind",
                "enum": list(kinds.registry),
                "default": "redis",
            },
            "connection_url": {
                "type": "string",
                "title": "Address",
                "description": "Such as "
                + ", ".join(kinds.registry.get(one).example for one in kinds.registry)
                + ". The password is stored encrypted.",
                "minLength": 1,
                "maxLength": 1000,
            },
            "queue_name": {
                "type": "string",
                "title": "Queue",
                "description": "The list, stream, channel, queue or topic.",
                "minLength": 1,
                "maxLength": 200,
            },
            "redis_mode": {
                "type": "string",
                "title": "Redis: what it is",
                "description": "A channel (pubsub) may miss messages: what is sent while nobody listens is lost.",
                "enum": ["list", "stream", "pubsub"],
                "default": "list",
            },
            "take_from": {
                "type": "string",
                "title": "Redis list: take from",
                "description": "left, where senders use RPUSH; right, where they use LPUSH.",
                "enum": ["left", "right"],
                "default": "left",
            },
            "consumer_group": {
                "type": "string",
                "title": "Streams and Kafka: group",
                "description": "By default a group of this trigger's own.",
                "maxLength": 100,
            },
            "start_at": {
                "type": "string",
                "title": "Streams and Kafka: begin with",
                "description": "What a new group reads first: new messages, or the oldest ones that are kept.",
                "enum": ["new", "oldest"],
                "default": "new",
            },
            "ack_mode": {
                "type": "string",
                "title": "Acknowledge",
                "description": "auto: when the event is stored. manual: when all that it started has ended, and "
                "nothing more is taken until then.",
                "enum": ["auto", "manual"],
                "default": "auto",
            },
            "batch_size": {
                "type": "integer",
                "title": "Messages per event",
                "description": "1: each message is an event. More: an event has up to so many messages, in $.messages.",
                "minimum": 1,
                "maximum": 1000,
                "default": 1,
            },
            "body_format": {
                "type": "string",
                "title": "Body",
                "description": "auto: JSON where it is, else text. json: all else is put aside as a dead letter.",
                "enum": ["auto", "json", "text"],
                "default": "auto",
            },
        },
        "required": ["queue_type", "connection_url", "queue_name"],
        "additionalProperties": False,
    }

    def switches(self, config: Config) -> tuple[str, ...]:
        kind = config.get("queue_type")
        return (*super().switches(config), *([f"{self.trigger_type}:{kind}"] if kind else []))

    def all_switches(self) -> tuple[str, ...]:
        return (self.trigger_type, *(f"{self.trigger_type}:{name}" for name in kinds.registry))

    def offered_schema(self, config: Config) -> dict[str, Any]:
        known = self.config_schema["properties"]
        kept = [
            name
            for name in kinds.registry
            if name == config.get("queue_type")
            or not why_off(self.trigger_type, {"queue_type": name})
        ]
        named = {**known["queue_type"], "enum": kept}
        return {**self.config_schema, "properties": {**known, "queue_type": named}}

    def prepare(self, config: Config, *, sealed: str) -> Config:
        """With its password, where the mask of the very same address was sent back."""
        plain = {key: value for key, value in config.items() if value != ""}
        plain.setdefault("queue_type", "redis")  # as forms show it
        known: dict[str, Any] = json.loads(sealed.encode()) if sealed else {}
        url = known.get("connection_url")
        if url and plain.get("connection_url") == address.masked(url):
            plain["connection_url"] = url
        return plain

    def seal(self, config: Config) -> tuple[Config, str]:
        url = config["connection_url"]
        shown = address.masked(url)
        if shown == url:
            return config, ""
        return {**config, "connection_url": shown}, json.dumps({"connection_url": url}).decode()

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        kind = kinds.registry.get(config["queue_type"])
        problems: Problems = {}
        if problem := _address_problem(config["connection_url"], kind):
            problems["connection_url"] = [problem]
        if not kinds.is_installed(kind.module):
            problems["queue_type"] = [
                f"{kind.label} needs the library {kind.module!r}, which is not installed on this server; "
                f"`pip install -r {kinds.REQUIREMENTS}` brings it."
            ]
        if not config["queue_name"].isprintable():
            problems["queue_name"] = ["A name has no control characters."]
        return problems

    def warnings(self, config: Config) -> list[str]:
        told = []
        if config["queue_type"] == "redis" and config.get("redis_mode") == "pubsub":
            told.append("A channel may miss messages: what is sent while nobody listens is lost.")
        return told

    def watcher(self, config: Config) -> Watcher:
        return QueueWatcher(config)

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return f"queue:{trigger_id}"

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"queue: {config.get('queue_type', '?')} {config.get('queue_name', '?')}"[:200]

    def payload_schema(self, config: Config) -> dict[str, Any]:
        return SCHEMA

    def sample_type(self, config: Config) -> str:
        return RECEIVED.name

    def sample(self, config: Config) -> dict[str, Any]:
        one = SAMPLE | {"queue": config["queue_name"], "queue_type": config["queue_type"]}
        if config.get("batch_size", 1) == 1:
            return one
        about = {name: one[name] for name in ("queue", "queue_type")}
        return {"messages": [one], "count": 1, **about}

    def payload_of(self, config: Config, given: dict[str, Any]) -> dict[str, Any]:
        """Both the whole payload and the bare body are understood."""
        if config.get("batch_size", 1) > 1 or "body" in given:
            return given
        return self.sample(config) | {"body": given}


def _address_problem(url: str, kind: kinds.Kind) -> str | None:
    if address.SECRET in url:
        return "Give the password itself again: it is known for one address only."
    try:
        parsed = address.parse(url, schemes=kind.schemes, port=kind.port)
        if kind.name != "sqs":
            address.refuse_at_once(parsed)
        if kind.name == "redis" and parsed.path and not parsed.path.isdigit():
            return "The path of a Redis address is the number of a database."
    except ValueError as error:
        return str(error)
    return None


register(QueueSource())
