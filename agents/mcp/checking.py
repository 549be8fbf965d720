"""What is wrong with a server as somebody wants to save it, by field. REST and admin ask here."""

from __future__ import annotations

import re
from typing import Any

import httpx

from agents import http
from agents.actions import ActionFailed
from agents.mcp import commands
from agents.models import McpServer
from config.lib.secrets import HIDDEN

Problems = dict[str, list[str]]

MAX_PAIRS, MAX_VALUE = 50, 4000
MAX_ARGS, MAX_ARG = 50, 1000
MAX_TIMEOUT = 600
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
_SPOKEN = (
    "accept",
    "content-type",
    "user-agent",
)  # by the protocol; also all that begins with mcp-


def check(row: McpServer, *, before: McpServer | None = None) -> Problems:
    """`before`: the row as it is stored; its secrets go to no other address and no other command."""
    problems: Problems = {}
    if not _NAME.fullmatch(row.name):
        problems["name"] = ["Give 1 to 30 small letters, digits or hyphens, such as our-search."]
    if row.transport not in McpServer.Transport.values:
        known = " or ".join(McpServer.Transport.values)
        return problems | {"transport": [f"Say {known}."]}
    if not _is_timeout(row.timeout_seconds):
        problems["timeout_seconds"] = [f"Give a whole number of seconds from 1 to {MAX_TIMEOUT}."]
    of_transport = _of_web if row.transport == McpServer.Transport.HTTP else _of_command
    return problems | of_transport(row, before)


def _is_timeout(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_TIMEOUT


def _of_web(row: McpServer, before: McpServer | None) -> Problems:
    problems = _empty(row, ("command", "args", "env"))
    if not row.url:
        problems["url"] = ["Give the server's address, such as https://tools.example/mcp."]
    elif problem := http.problem_of(row.url):
        problems["url"] = [problem]
    if faults := _of_headers(row.headers):
        problems["headers"] = faults
    moved = before is not None and _origin(before.url) != _origin(row.url)
    if moved and before is not None and _kept(row.headers, before.headers):
        problems["headers"] = ["Give the headers again: they were given for another address."]
    return problems


def _of_command(row: McpServer, before: McpServer | None) -> Problems:
    problems = _empty(row, ("url", "headers"))
    if not row.command.strip():
        problems["command"] = ["Give the program that is the server."]
        return problems
    if faults := _of_args(row.args):
        return problems | {"args": faults}
    if problem := commands.problem_of(row.command, row.args):
        problems["command"] = [problem]
    if faults := _of_env(row.env):
        problems["env"] = faults
    moved = before is not None and (before.command, before.args) != (row.command, row.args)
    if moved and before is not None and _kept(row.env, before.env):
        problems["env"] = ["Give the variables again: they were given for another command."]
    return problems


def _empty(row: McpServer, names: tuple[str, ...]) -> Problems:
    said = f"A server over {row.transport} has none."
    return {name: [said] for name in names if getattr(row, name)}


def _of_args(args: Any) -> list[str]:
    if not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        return ["Give a list of texts."]
    if len(args) > MAX_ARGS or any(len(arg) > MAX_ARG or "\x00" in arg for arg in args):
        return [f"Give at most {MAX_ARGS} texts of at most {MAX_ARG} characters."]
    return []


def _of_headers(headers: dict[str, str]) -> list[str]:
    faults = _of_pairs(headers)
    for name, value in headers.items() if not faults else ():
        try:
            http.check_header(name, value)
        except ActionFailed as error:
            faults.append(str(error))
        if name.lower() in _SPOKEN or name.lower().startswith("mcp-"):
            faults.append(f"The header {name} is set by the system.")
    return faults


def _of_env(env: dict[str, str]) -> list[str]:
    faults = _of_pairs(env)
    return faults or [problem for name in env if (problem := commands.problem_of_variable(name))]


def _of_pairs(pairs: Any) -> list[str]:
    if not isinstance(pairs, dict) or len(pairs) > MAX_PAIRS:
        return [f"Give at most {MAX_PAIRS} names with values."]
    return [
        f"{str(name)[:100]}: give a text of at most {MAX_VALUE} characters."
        for name, value in pairs.items()
        if not isinstance(value, str) or len(value) > MAX_VALUE or "\x00" in value
    ]


def _kept(now: dict[str, str], before: dict[str, str]) -> bool:
    return any(before.get(name) == value for name, value in now.items())


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        return "", "", None
    return read.scheme, read.host, read.port


# --- secrets on the wire --------------------------------------------------------------------------


def masked(pairs: dict[str, str]) -> dict[str, str]:
    """As it is answered: the names, and nothing of what stands there."""
    return dict.fromkeys(pairs, HIDDEN)


def unmasked(given: dict[str, Any], stored: dict[str, str]) -> dict[str, Any]:
    """What was sent, with what is stored in place of each mask; a mask that stands for nothing stays."""
    return {
        name: stored.get(name, value) if value == HIDDEN else value for name, value in given.items()
    }


def stray_masks(given: dict[str, Any]) -> list[str]:
    """Names whose value is a mask that stands for nothing here."""
    return [name for name, value in given.items() if value == HIDDEN]
