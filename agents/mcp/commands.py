"""Which commands workspaces may start on this server: those that the operator lists in MCP_COMMANDS, and no other.

An entry is an executable, or an executable with its first arguments: `npx -y @acme/tools` opens just that package, and
`npx` alone opens every package that there is. Variables that tell a program to load other code are refused.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence

from django.conf import settings

from agents.addresses import NotAllowed
from agents.models import McpServer

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER")  # nothing else of ours
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
_LOADS_CODE = re.compile(
    r"(LD_|DYLD_|GLIBC_|MALLOC_|GCONV_|PYTHON|NODE_|NPM_|PNPM_|YARN_|BUN_|DENO_|UV_|PIP_|PIPX_|CONDA_|VIRTUAL_ENV|"
    r"PERL|RUBY|GEM_|BUNDLE_|BASH_|JAVA_|JDK_|_JAVA|MAVEN_|GRADLE_|DOTNET_|CORECLR_|LUA_|PHP_?|GIT_|SSH_|XDG_|CARGO_|"
    r"RUST_?|DOCKER_|SSL_CERT|CURL_CA|REQUESTS_CA|OPENSSL_|(HTTPS?|ALL|NO|FTP)_PROXY|"
    r"(ENV|SHELL|IFS|CDPATH|PATH|HOME|TMPDIR|GO[A-Z]*|EDITOR|VISUAL|PAGER|PROMPT_COMMAND|ZDOTDIR)\Z)",
    re.IGNORECASE,
)


def is_allowed(command: str, args: Sequence[str]) -> bool:
    words = [command, *args]
    return any(
        entry and words[: len(entry)] == entry
        for entry in (_words(text) for text in settings.MCP_COMMANDS)
    )


def _words(entry: str) -> list[str]:
    try:
        return shlex.split(entry)
    except ValueError:  # an open quote: `config.checks` has told the operator
        return []


def problem_of(command: str, args: Sequence[str]) -> str:
    """Why this command may not run here; empty where it may."""
    if not settings.MCP_COMMANDS:
        return (
            "Commands are not started on this installation. Whoever runs it can list some in MCP_COMMANDS; "
            "a server over HTTP needs no permission."
        )
    if not is_allowed(command, args):
        shown = ", ".join(settings.MCP_COMMANDS)
        return f"This command is not one that MCP_COMMANDS lists. It lists: {shown[:500]}."
    return ""


def problem_of_variable(name: str) -> str:
    if not _NAME.match(name):
        return "Give a name of letters, digits and underscores."
    if _LOADS_CODE.match(name):
        return f"{name} may change which code runs, so it cannot be set here."
    return ""


def line(server: McpServer) -> list[str]:
    """The command as it is started now. Raises NotAllowed."""
    args = [str(arg) for arg in server.args]
    if problem := problem_of(server.command, args):
        raise NotAllowed(f"{server.name}: {problem}")
    found = shutil.which(server.command)
    if found is None:
        raise NotAllowed(f"{server.name}: there is no program {server.command!r} on this server.")
    return [found, *args]


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """What the child sees: none of our own settings."""
    ours = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**ours, **{name: value for name, value in own.items() if not problem_of_variable(name)}}
