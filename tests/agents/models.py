"""Fixtures of agents that ask a model: a server of this machine, and a workspace that knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents.models import ModelProvider
from crm.models import Workspace
from tests.agents.modelserver import ModelServer, model_server

MakeProvider = Callable[..., ModelProvider]


@pytest.fixture(autouse=True)
def only_local_models(settings: Any) -> None:
    """No test ever asks a model outside this machine."""
    settings.ALLOW_MODEL_REQUESTS = False


@pytest.fixture
def brain(settings: Any) -> Iterator[ModelServer]:
    """A model server that the operator has opened."""
    with model_server() as server:
        settings.OUTBOUND_ALLOW = [server.host]
        yield server


@pytest.fixture
def make_provider(acme: Workspace, brain: ModelServer) -> MakeProvider:
    """`make_provider("local")`: a provider of `acme` that leads to `brain`, as `local:any-model`."""

    def make(name: str = "local", kind: str = "openai-compatible", **fields: Any) -> ModelProvider:
        has_own_path = kind in ("anthropic", "google")
        fields.setdefault("base_url", brain.url("" if has_own_path else "/v1"))
        fields.setdefault("api_key", "sk-canary-0123456789")
        return ModelProvider.objects.create(workspace=acme, name=name, kind=kind, **fields)

    return make
