"""Whether a provider works: it is asked for one word."""

from __future__ import annotations

import asyncio
import time

from agents import llm
from agents.actions import ActionFailed
from agents.llm import Question, providers
from agents.llm.providers import Provider
from agents.models import ModelProvider
from config.lib import waits

SECONDS = 20.0


def tried(row: ModelProvider, *, model: str) -> tuple[bool, str, float]:
    """Whether it answered, what it said or what is wrong, and after how many seconds. Waits for it, breaker or not:
    call it outside any transaction. Raises waits.Busy.
    """
    with waits.place():
        try:
            chosen = providers.choose(f"{row.name}:{model}", [row])
        except ActionFailed as error:
            return False, str(error), 0.0
        return asyncio.run(_tried(row, chosen))


async def _tried(row: ModelProvider, chosen: Provider) -> tuple[bool, str, float]:
    question = Question(
        row.workspace_id,
        chosen.name,
        "Answer with the one word: ready",
        [{"role": "user", "text": "Are you ready?"}],
        max_output_tokens=256,
        seconds=SECONDS,
    )
    await llm.prepare(chosen)
    began = time.monotonic()
    try:
        answer = llm.checked(question, await llm.request(question, chosen, None))
        worked, said = True, f"{answer.model} answered: {answer.text[:200].strip()}"
    except ActionFailed as error:
        worked, said = False, str(error)
    return worked, said, round(time.monotonic() - began, 2)
