"""How callers say who they are, for the API's description."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class Bearer(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "crm.access.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        text = (
            "A token of one workspace, made under `/api/v1/tokens` or by `manage.py create_token`."
        )
        return {"type": "http", "scheme": "bearer", "description": text}


class Login(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "crm.access.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        text = (
            "The login of the pages, with a CSRF token; `X-Workspace: <slug>` says which workspace."
        )
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": text}
