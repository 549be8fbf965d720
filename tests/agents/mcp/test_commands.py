"""Which commands may be started, and with which variables."""

from __future__ import annotations

from typing import Any

import pytest

from agents.mcp import commands


@pytest.mark.parametrize(
    ("line", "is_allowed"),
    [
        ("npx -y @acme/tools", True),
        ("npx -y @acme/tools --verbose", True),
        ("npx -y @eve/tools", False),
        ("npx", False),
        ("npx -y", False),
        ("/opt/bin/weather", True),
        ("/opt/bin/weather --any thing", True),
        ("/opt/bin/weather2", False),
        ("weather", False),
        ("/opt/bin/../bin/weather", False),
        ("bash -c id", False),
    ],
)
def test_only_what_is_listed_is_allowed(settings: Any, line: str, is_allowed: bool) -> None:
    settings.MCP_COMMANDS = ["npx -y @acme/tools", " /opt/bin/weather ", ""]
    command, *args = line.split()
    assert commands.is_allowed(command, args) is is_allowed
    assert bool(commands.problem_of(command, args)) is not is_allowed


def test_nothing_is_allowed_by_default(settings: Any) -> None:
    settings.MCP_COMMANDS = []
    assert "MCP_COMMANDS" in commands.problem_of("npx", [])


@pytest.mark.parametrize(
    "name",
    [
        *("LD_PRELOAD", "PATH", "PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "BASH_ENV", "ENV"),
        *("npm_config_registry", "UV_INDEX_URL", "PIP_INDEX_URL", "https_proxy", "GIT_SSH_COMMAND"),
        *("JAVA_TOOL_OPTIONS", "RUBYOPT", "PERL5OPT", "SSL_CERT_FILE", "HOME", "A=B", "", "1A"),
    ],
)
def test_variables_that_load_code_are_refused(name: str) -> None:
    assert commands.problem_of_variable(name)
    assert commands.environment({name: "evil-value"}).get(name) != "evil-value"


@pytest.mark.parametrize(
    "name",
    ["API_KEY", "GITHUB_TOKEN", "PIPEDRIVE_TOKEN", "PAGERDUTY_KEY", "GOOGLE_API_KEY", "DEBUG"],
)
def test_keys_are_let_through(name: str) -> None:
    assert commands.problem_of_variable(name) == ""
    assert commands.environment({name: "x"})[name] == "x"
