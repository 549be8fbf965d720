"""Whether a provider works: it is asked for one word."""

from __future__ import annotations

import asyncio
import time

from agents import llm
from agents.actions import ActionFailed
from agents.llm import Question, providers
from agents.models import ModelProvider
from config.lib import waits

SECONDS = 20.0


def tried(row: ModelProvider, *, model: str) -> tuple[bool, str, float]:
    """Whether it answered, what it said or what is wrong, and after how many seconds. Waits for it, breaker or not:
    call it outside any transaction. Raises waits.Busy.
    """
    began = time.monotonic()
    try:
        with waits.place():
            answer = asyncio.run(_ask(row, model))
    except ActionFailed as error:
        return False, str(error), round(time.monotonic() - began, 2)
    said = f"{answer.model} answered: {answer.text[:200].strip()}"
    return True, said, round(time.monotonic() - began, 2)


async def _ask(row: ModelProvider, model: str) -> llm.Answer:
    chosen = providers.choose(f"{row.name}:{model}", [row])
    question = Question(
        row.workspace_id,
        chosen.name,
        "Answer with the one word: ready",
        [{"role": "user", "text": "Are you ready?"}],
        max_output_tokens=256,
        seconds=SECONDS,
    )
    await llm.prepare(chosen)
    return llm.checked(question, await llm.request(question, chosen, None))
