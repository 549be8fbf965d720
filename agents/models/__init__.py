"""What can act, and whom it asks."""

from agents.models.agent import DEFAULT_RESTRICTIONS, Agent, AgentStatus, default_restrictions
from agents.models.failing_host import FailingHost
from agents.models.mcp_server import McpServer
from agents.models.model_provider import ModelPrice, ModelProvider

__all__ = [
    "DEFAULT_RESTRICTIONS",
    "Agent",
    "AgentStatus",
    "FailingHost",
    "McpServer",
    "ModelPrice",
    "ModelProvider",
    "default_restrictions",
]
