"""A question to the model `local:small`, and the shape of an answer."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import llm
from agents.llm import Question
from crm.models import Workspace

SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 0, "maximum": 10}},
    "required": ["score"],
    "additionalProperties": False,
}


def ask(workspace: Workspace, *, tell: Any = None, **fields: Any) -> llm.Answer:
    question = Question(
        **{
            "workspace_id": workspace.pk,
            "model": "local:small",
            "instructions": "Judge.",
            "messages": [llm.data({"contact": {"email": "ann@example.org"}})],
            "seconds": 20,
            **fields,
        }
    )

    async def asked() -> llm.Answer:
        return await llm.ask(question, tell=tell)

    return asyncio.run(asked())
