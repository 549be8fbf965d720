"""How models are reached: the checked connections of `agents.wires`, and on this machine only where that is set."""

from __future__ import annotations

import os
from typing import Any

import httpx2
from django.conf import settings

from agents.addresses import NotAllowed
from agents.wires import Wire

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_SAY_WHO = (
    *("authorization", "x-api-key", "api-key", "x-goog-api-key"),
    *("openai-organization", "openai-project"),
)
_MORE_HEADERS = "_CUSTOM_HEADERS"  # how the variables end that ANTHROPIC_CUSTOM_HEADERS is one of


class Transport(Wire):
    """`own_key`: of a workspace's provider, empty where it has none. The libraries fill in what they find in the
    server's environment (OLLAMA_API_KEY, OPENAI_ORG_ID ...): that leaves with no request to an address of a workspace.
    """

    def __init__(self, own_key: str | None = None) -> None:
        super().__init__()
        self._own_key = own_key

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not (settings.ALLOW_MODEL_REQUESTS or request.url.host in _THIS_MACHINE):
            raise NotAllowed("Language models outside this machine are not asked here.")
        for name in _SAY_WHO if self._own_key is not None else ():
            if not self._own_key or self._own_key not in request.headers.get(name, ""):
                request.headers.pop(name, None)
        return await super().handle_async_request(request)


def keep_headers_of_the_server(client: Any) -> None:
    """Takes out of a library's client what it read in the server's OPENAI_CUSTOM_HEADERS and the like: no argument of
    its own says that it should not, and such a header may stand in the place of the workspace's own key.
    """
    if found := getattr(client, "_custom_headers", None):
        ours = _more_headers()
        client._custom_headers = {
            name: value for name, value in found.items() if (name.lower(), value) not in ours
        }


def _more_headers() -> set[tuple[str, object]]:
    """As the libraries read them: a line for each."""
    given = (value for name, value in os.environ.items() if name.endswith(_MORE_HEADERS))
    lines = (line.partition(":") for value in given for line in value.split("\n"))
    return {(name.strip().lower(), value.strip()) for name, _, value in lines}
