"""Servers of the Model Context Protocol."""

from __future__ import annotations

from django.db import models

from config.lib.ids import uuid7
from config.lib.secrets import EncryptedPairsField
from crm.models import Workspace


class McpServer(models.Model):
    """A server of tools and events that speaks the Model Context Protocol, reached over HTTP or started here.

    A command only runs where MCP_COMMANDS lists it. `tools`: what it offered when it was asked last (`mcp.offers`).
    `trusts_hints`: what it says of its tools (only read, may be repeated) is believed.
    """

    class Transport(models.TextChoices):
        HTTP = "http", "Streamable HTTP"
        STDIO = "stdio", "Command on this server"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="mcp_servers", db_index=False
    )
    name = models.CharField(max_length=30)
    transport = models.CharField(max_length=10, choices=Transport, default=Transport.HTTP)
    url = models.CharField(max_length=2000, blank=True, default="")
    headers = EncryptedPairsField()
    command = models.CharField(max_length=500, blank=True, default="")
    args = models.JSONField(default=list, blank=True)
    env = EncryptedPairsField()
    timeout_seconds = models.PositiveSmallIntegerField(default=60)
    trusts_hints = models.BooleanField(default=False)
    title = models.CharField(max_length=200, blank=True, default="", editable=False)
    tools = models.JSONField(default=list, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    HEAVY = ("tools", "headers", "env")  # what lists do not need
    untold = ("tools", "title", "seen_at", "last_error")  # what the trail does not tell

    class Meta:
        verbose_name = "MCP server"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="mcp_server_once",
                violation_error_message="An MCP server with this name exists already.",
            )
        ]

    def __str__(self) -> str:
        return self.name
