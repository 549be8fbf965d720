"""What a call of a model costs, in US dollars."""

from __future__ import annotations

import uuid
from decimal import Decimal

from agents.llm import Usage, providers
from agents.models import ModelPrice

_MILLION = Decimal(1_000_000)


def cost_of(workspace_id: uuid.UUID, model: str, usage: Usage) -> Decimal | None:
    """One query. The workspace's own price of the model, else what is generally known; None where nothing is."""
    if model == providers.RULES:
        return Decimal(0)
    row = ModelPrice.objects.filter(workspace_id=workspace_id, model=model).first()
    if row is not None:
        told = usage.input_tokens * row.input_per_million
        return (told + usage.output_tokens * row.output_per_million) / _MILLION
    return _known(model, usage)


def _known(model: str, usage: Usage) -> Decimal | None:
    """From the list of prices that comes with pydantic-ai; nothing is asked over the network."""
    import genai_prices  # large, and only of use where a model is asked

    kind, name = providers.split(model)
    used = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    try:
        found = genai_prices.calc_price(
            used, model_ref=name, provider_id=kind.removesuffix("-chat")
        )
    except LookupError:
        return None
    return Decimal(found.total_price)
