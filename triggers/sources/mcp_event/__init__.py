"""MCP servers: a resource that changes, tools that come or go, a message, a server's own notification is an event.

`telling` says what is told, `ear` how a server is listened to, `comparing` what changed, `watcher` holds them together.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from agents.models import McpServer
from config.lib import paths
from config.lib.registry import closest
from crm.models import Workspace
from triggers.sources import Config, Problems, Source, register
from triggers.sources.custom import filter_leaves
from triggers.sources.mcp_event import telling
from triggers.sources.mcp_event.watcher import McpWatcher
from triggers.watching import Watcher

_OWN = re.compile(r"[A-Za-z][\w.-]{0,49}(/[\w.-]{1,50}){0,3}\Z", re.ASCII)


class McpSource(Source):
    trigger_type = "mcp_event"
    label = "MCP server"
    description = "Runs when an MCP server tells of something, such as a resource that changed."
    is_watched = True
    config_schema = {
        "type": "object",
        "properties": {
            "server_name": {
                "type": "string",
                "title": "Server",
                "description": "One of the workspace's MCP servers.",
                "minLength": 1,
                "maxLength": 30,
            },
            "event_type": {
                "type": "string",
                "title": "Event",
                "description": f"{', '.join(telling.KNOWN)}, or a notification of the server's own, such as "
                "row_inserted.",
                "minLength": 1,
                "maxLength": 100,
                "x-widget": "mcp_event",
                "default": telling.UPDATED,
            },
            "filter": {
                "type": "object",
                "title": "Filter",
                "description": "Only events with these values: a name or dotted path, and what it must be. A uri is "
                "the one resource that is watched.",
                "maxProperties": 50,
                "default": {},
            },
        },
        "required": ["server_name", "event_type"],
        "additionalProperties": False,
    }

    def prepare(self, config: Config, *, sealed: str) -> Config:
        """Forms send what was left empty as an empty text."""
        kept = {key: value for key, value in config.items() if value not in ("", None)}
        return kept if "event_type" in kept else {**kept, "event_type": telling.UPDATED}

    def check_further(self, config: Config, *, workspace: Workspace) -> Problems:
        problems: Problems = {}
        known = list(McpServer.objects.filter(workspace=workspace).values_list("name", flat=True))
        if config["server_name"] not in known:
            meant = closest(config["server_name"], known)
            hint = f" Did you mean {meant!r}?" if meant else ""
            problems["server_name"] = [f"This workspace has no MCP server of that name.{hint}"]
        if not _OWN.match(config["event_type"]):
            problems["event_type"] = [
                f"Say one of {', '.join(telling.KNOWN)}, or the name of a notification."
            ]
        for path, _ in filter_leaves(config.get("filter", {})):
            try:
                paths.split(path)
            except ValueError as error:
                problems.setdefault(f"filter.{path}"[: paths.MAX_LENGTH], []).append(str(error))
        return problems

    def warnings(self, config: Config) -> list[str]:
        event = config["event_type"]
        if event == telling.LOG or event not in telling.KNOWN:
            meant = closest(event, telling.KNOWN)
            hint = f" Did you mean {meant!r}?" if meant and event not in telling.KNOWN else ""
            return [f"What the server sends while nobody listens is lost.{hint}"]
        return []

    def watcher(self, config: Config) -> Watcher:
        return McpWatcher(config)

    def topic(self, config: Config, *, trigger_id: uuid.UUID) -> str:
        return f"mcp:{config['server_name']}:{config['event_type']}:{trigger_id}"

    def describe(self, config: Config, *, event_type: str | None = None) -> str:
        return f"mcp: {config.get('server_name', '?')} {config.get('event_type', '?')}"[:200]

    def payload_schema(self, config: Config) -> dict[str, Any]:
        return telling.schema(config.get("event_type", ""))

    def sample_type(self, config: Config) -> str:
        return telling.type_of(config["event_type"])

    def sample(self, config: Config) -> dict[str, Any]:
        known = telling.sample(config["event_type"], config["server_name"])
        uri = (config.get("filter") or {}).get("uri")
        return known | ({"uri": uri} if isinstance(uri, str) and "uri" in known else {})

    def payload_of(self, config: Config, given: dict[str, Any]) -> dict[str, Any]:
        """What is not given is as in the sample."""
        return self.sample(config) | given


register(McpSource())
