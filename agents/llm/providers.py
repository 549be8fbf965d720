"""Which provider `provider:model` means, and whether it can be asked: the workspace's own, then the environment's."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from agents import http
from agents.actions import ActionFailed
from agents.models import Agent, ModelProvider
from config.lib.registry import closest

Problems = dict[str, list[str]]
OFFLINE = "offline"
COMPATIBLE = "openai-compatible"
RULES = "offline:rules"
UNHEARD = (
    "It has instructions and no model that follows them. Give it one, such as openai:gpt-5.6, or "
    f"{RULES}, which is no language model."
)

# Kinds that are known by name: the variables with their key, and where they are asked. Others of pydantic-ai work too.
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "openai": (("OPENAI_API_KEY",), "https://api.openai.com/v1"),
    "openai-chat": (("OPENAI_API_KEY",), "https://api.openai.com/v1"),
    "anthropic": (("ANTHROPIC_API_KEY",), "https://api.anthropic.com"),
    "google": (("GOOGLE_API_KEY", "GEMINI_API_KEY"), "https://generativelanguage.googleapis.com"),
    "deepseek": (("DEEPSEEK_API_KEY",), "https://api.deepseek.com"),
    "openrouter": (("OPENROUTER_API_KEY",), "https://openrouter.ai/api/v1"),
    "moonshotai": (("MOONSHOTAI_API_KEY",), "https://api.moonshot.ai/v1"),
    "fireworks": (("FIREWORKS_API_KEY",), "https://api.fireworks.ai/inference/v1"),
    "together": (("TOGETHER_API_KEY",), "https://api.together.xyz/v1"),
    "cerebras": (("CEREBRAS_API_KEY",), "https://api.cerebras.ai/v1"),
    "nebius": (("NEBIUS_API_KEY",), "https://api.studio.nebius.com/v1"),
    "alibaba": (("ALIBABA_API_KEY", "DASHSCOPE_API_KEY"), ""),
    "zai": (("ZAI_API_KEY",), ""),
    "ollama": (("OLLAMA_BASE_URL",), ""),
    "vllm": (("VLLM_BASE_URL",), ""),
    COMPATIBLE: ((), ""),
}
NEED_A_BASE_URL = (COMPATIBLE, "ollama", "vllm")
WITHOUT_A_KEY = (COMPATIBLE, "ollama", "vllm")


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


class NoProvider(ActionFailed):
    """The model cannot be asked as things are; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Whom to ask, and as what. `kind` as pydantic-ai names it; `api_key` and `base_url` empty: its own defaults.

    `is_own`: the workspace's, which says where to go: no key of the server's environment may go there.
    """

    name: str
    kind: str
    model: str
    base_url: str = ""
    api_key: str = ""
    is_own: bool = False

    @property
    def host(self) -> str:
        """As `agents.hosts` knows it."""
        url = self.base_url or KINDS.get(self.kind, ((), ""))[1]
        return http.host_of(url) if url else ""


def split(model: str) -> tuple[str, str]:
    """`("openai", "gpt-5.6")`; empty parts where it is not `provider:model`."""
    name, found, rest = model.strip().partition(":")
    return (name.lower(), rest) if found and name and rest else ("", "")


def find(workspace_id: uuid.UUID, model: str) -> Provider:
    """One query. Raises NoProvider."""
    name, _ = split(model)
    rows = ModelProvider.objects.filter(workspace_id=workspace_id, name=name) if name else ()
    return choose(model, rows)


def choose(model: str, rows: Iterable[ModelProvider]) -> Provider:
    """The provider that a model means, where the workspace has these. Raises NoProvider."""
    name, rest = split(model)
    if not name:
        raise NoProvider(
            f"{model[:100]!r} is no model. Write provider:model, such as openai:gpt-5.6 or {RULES}."
        )
    if name == OFFLINE:
        if rest != "rules":
            raise NoProvider(f"There is one offline model, {RULES}.")
        return Provider(OFFLINE, OFFLINE, rest)
    row = next((row for row in rows if row.name == name), None)
    if row is not None:
        return Provider(name, row.kind, rest, row.base_url, row.api_key, is_own=True)
    return _of_environment(name, rest)


def _of_environment(name: str, model: str) -> Provider:
    variables, _ = KINDS.get(name, ((), ""))
    found = next((os.environ[one] for one in variables if os.environ.get(one)), "")
    if found:
        is_url = variables[0].endswith("_BASE_URL")
        return Provider(name, name, model, found if is_url else "", "" if is_url else found)
    if name not in KINDS:
        meant = closest(name, KINDS)
        hint = f" Did you mean {meant}:{model[:50]}?" if meant else ""
        raise NoProvider(
            f"This workspace has no model provider named {name[:50]!r}.{hint} "
            "Add it in the admin under Model providers."
        )
    what = "base URL" if name in NEED_A_BASE_URL else "key"
    or_set = f", or set {variables[0]} on the server" if variables else ""
    raise NoProvider(
        f"There is no {what} for {name}. Add one in the admin under Model providers{or_set}. "
        f"Until then, {RULES} answers without a language model."
    )


def model_for(agent: Agent, given: str = "") -> str:
    """The model that thinks for an agent's triggers: the one that is named, else the agent's, else the workspace's.

    Empty where nobody says which. `agent` was read with its workspace.
    """
    return given or agent.model or agent.workspace.default_model


def is_sendable(key: str) -> bool:
    """Whether a header can carry it."""
    return key.isascii() and key.isprintable() and " " not in key


def check(row: ModelProvider, *, before: ModelProvider | None = None) -> Problems:
    """What is wrong with a provider, by field. `before`: the row as it is stored; its key goes to no other address."""
    problems: Problems = {}
    if not _NAME.fullmatch(row.name):
        problems["name"] = ["Give small letters, digits or hyphens, such as openai or our-vllm."]
    elif row.name == OFFLINE:
        problems["name"] = [f"{OFFLINE} is the name of {RULES}, which needs no provider."]
    if row.kind not in KINDS:
        meant = closest(row.kind, KINDS)
        hint = f" Did you mean {meant!r}?" if meant else f" There are: {', '.join(KINDS)}."
        problems["kind"] = [f"There is no kind {row.kind[:50]!r}.{hint}"]
    if row.base_url and (problem := http.problem_of(row.base_url)):
        problems["base_url"] = [problem]
    elif not row.base_url and row.kind in NEED_A_BASE_URL:
        problems["base_url"] = ["Give the server's address, such as http://models.example/v1."]
    if problem := _problem_of_key(row, before):
        problems["api_key"] = [problem]
    return problems


def _problem_of_key(row: ModelProvider, before: ModelProvider | None) -> str:
    if not row.api_key:
        needs_one = row.kind in KINDS and row.kind not in WITHOUT_A_KEY
        return "Give the key." if needs_one else ""
    if not is_sendable(row.api_key):
        return "A key has no spaces, line breaks, or letters with accents."
    moved = before is not None and (before.base_url, before.kind) != (row.base_url, row.kind)
    if moved and before is not None and row.api_key == before.api_key:
        return "Give the key again: it was given for another address."
    return ""


def problem_of(model: str, rows: Iterable[ModelProvider]) -> str:
    """Why the model cannot be asked here, and what to do; empty where nothing is known to be wrong. No query."""
    try:
        choose(model, rows)
    except NoProvider as error:
        return str(error)
    return ""


def problem_of_agent(agent: Agent, rows: Iterable[ModelProvider] | None = None) -> str:
    """`problem_of` its model and those of its steps. `rows`: the providers of its workspace, else one query."""
    asked = [step.get("params") or {} for step in agent.steps if step.get("action") == "ask_model"]
    named = [str(params.get("model") or "") or agent.model for params in asked]
    models = dict.fromkeys(named if agent.steps else filter(None, [agent.model]))
    if not models:
        return UNHEARD if agent.instructions.strip() and not agent.steps else ""
    rows = agent.workspace.model_providers.all() if rows is None else rows
    if "" in models:
        return "A step asks a model, and neither the step nor the agent says which."
    found = (problem_of(model, rows) for model in models if not model.startswith("@"))
    return next(filter(None, found), "")
