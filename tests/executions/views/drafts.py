"""POST /triggers/draft, for tests of what it answers."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tests.executions.drafting.answers import DESCRIPTION

URL, SAVE = "/api/v1/triggers/draft", "/api/v1/triggers/draft/save"


def draft(api: APIClient, description: str = DESCRIPTION, **more: Any) -> Any:
    return api.post(URL, {"description": description, **more}, format="json")
